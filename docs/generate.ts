// Writes the pages that come from the code's own tables, docs/settings.md and docs/errors.md; with --check only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { errorTable, type ErrorRow } from '../src/core/errors.ts';
import { environmentPrefix, flagOf, settingsTable, shownDefault, type SettingName } from '../src/core/settings.ts';

const generated = '<!-- Made by `npm run docs` from the table in the source. Do not edit: change the table. -->';

function run(isCheck: boolean): void {
  const pages = { 'settings.md': settingsPage(), 'errors.md': errorsPage() };
  const stale = Object.entries(pages).filter(([name, text]) => readPage(name) !== text);
  if (!isCheck) for (const [name, text] of stale) writeFileSync(pageUrl(name), text);
  else if (stale.length > 0) {
    const names = stale.map(([name]) => `docs/${name}`).join(', ');
    process.stderr.write(`out of date: ${names}; run "npm run docs" and commit the result\n`);
    process.exitCode = 1;
  } else process.stdout.write(`up to date: ${Object.keys(pages).join(', ')}\n`);
}

function pageUrl(name: string): URL {
  return new URL(name, import.meta.url);
}

function readPage(name: string): string | undefined {
  try {
    return readFileSync(pageUrl(name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function settingsPage(): string {
  const rows = Object.entries(settingsTable).map(([name, { meaning }]) => {
    return [`\`${name}\``, `\`${flagOf(name)}\``, shownDefault(name as SettingName), meaning];
  });
  return `# Settings

${generated}

The gateway is set up by flags and environment variables. \`MAX_ATTEMPTS\` is the variable
\`${environmentPrefix}MAX_ATTEMPTS\` or the flag \`${flagOf('MAX_ATTEMPTS')}\`. A flag wins over the environment, and the
environment wins over the default. An unknown flag, an unknown \`${environmentPrefix}*\` variable or a bad value stops the
start with one line that names it.

Names that end in \`_MS\` are milliseconds. Names that hold \`BYTES\` are bytes and also take \`KiB\`, \`MiB\` and \`GiB\`:
\`64MiB\`.

Give secrets (\`ADMIN_TOKEN\`, \`ENCRYPTION_KEY\`) by variable: other users of the machine can read a command line.

${table(['Setting', 'Flag', 'Default', 'Meaning'], rows)}

\`GET /api/v1/settings\` shows the settings in force, secrets as \`"set"\`.

## For one request

A client sets these with a header of the request.

${table(
  ['Header', 'Meaning'],
  [
    [
      '`x-aigateway-timeout-ms: 30000`',
      'Lowers `REQUEST_TIMEOUT_MS` for this request. A value that is larger, or no number, changes nothing.',
    ],
    [
      '`x-aigateway-stream: buffered`',
      'Holds a streamed answer back until it is complete. A stream that breaks can then still be served by another account.',
    ],
    [
      '`x-aigateway-include-cost: true`',
      'Puts `"aigateway":{"cost_usd":"…"}` into the usage chunk of a stream that asks for one. Other answers carry the header `x-aigateway-cost-usd`.',
    ],
  ],
)}
`;
}

/** Errors that are events in a stream which has begun: its HTTP status has been sent already. */
function isInStream(code: string): boolean {
  return code.startsWith('upstream_stream_');
}

function errorsPage(): string {
  const entries = Object.entries<ErrorRow>(errorTable).sort(
    ([a, one], [b, other]) => Number(isInStream(a)) - Number(isInStream(b)) || one.status - other.status,
  );
  const rows = entries.map(([code, { status, type, when, remedy }]) => [
    isInStream(code) ? 'in a stream' : String(status),
    `\`${code}\``,
    `\`${type}\``,
    when,
    remedy,
  ]);
  return `# Errors

${generated}

Every error of the gateway has OpenAI's form, on \`/v1\` and on \`/api/v1\`. Each field is a text or null:

\`\`\`json
{ "error": { "message": "…", "type": "server_error", "param": null, "code": "no_account" } }
\`\`\`

${table(['Status', '`code`', '`type`', 'When', 'What to do'], rows)}

## Notes

- Errors of the upstream that are the caller's to see pass through with their own status and body, secrets taken out:
  400, 404, 409, 422, a policy 403, and the last failure when no attempt is left.
- \`x-aigateway-request-id\` names the request in the log. \`x-aigateway-attempts\` counts the upstream attempts.
- \`Retry-After\` (seconds) and \`retry-after-ms\` say when a retry can succeed. \`x-should-retry: false\` says that it
  cannot, or that the gateway has retried already; OpenAI's SDKs obey it.
- An error in a stream is one event, \`data: {"error":{…}}\`, and no \`[DONE]\` follows. The HTTP status is 200 then,
  because it went out with the first content. \`upstream_invalid_response\` can also come this way.
- A request that is not valid HTTP gets \`invalid_request\` with status 400, 408 or 431.
- \`rate_limit_exceeded\` and \`budget_exceeded\` come from the [limits of the client key](limits.md), and the first
  also where wrong keys came too often.
`;
}

/** A Markdown table. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

run(process.argv.includes('--check'));
