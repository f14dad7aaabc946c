// OpenAI's official client for Python, in a virtual environment made for a test.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The release of the client that is tested. */
export const openaiVersion = '3.54.0';

const python = process.platform === 'win32' ? 'python' : 'python3';
const run = promisify(execFile);

/** Makes a virtual environment with the client in it; the interpreter's path, or the reason why there is none. */
export async function installPythonClient(
  environment: string,
): Promise<{ readonly path: string } | { readonly reason: string }> {
  const path = join(environment, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  const steps: readonly (readonly [what: string, command: string, parameters: readonly string[]])[] = [
    [`${python} with venv`, python, ['-m', 'venv', environment]],
    [
      `pip install openai==${openaiVersion}`,
      path,
      [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--retries',
        '1',
        '--disable-pip-version-check',
        '--no-compile',
        `openai==${openaiVersion}`,
      ],
    ],
  ];
  for (const [what, command, parameters] of steps) {
    try {
      await run(command, parameters, { timeout: 120_000 });
    } catch (error) {
      const { code, stderr } = error as { code?: string | number; stderr?: string };
      const lastLine = stderr?.trim().split('\n').at(-1) || `${command} ended with ${code}`;
      return { reason: code === 'ENOENT' ? `there is no ${command}` : `${what} does not work here: ${lastLine}` };
    }
  }
  return { path };
}
