// Reads a secret without it ever standing on a command line: from a variable, a pipe, or a prompt that shows nothing.
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { Secret } from '../core/secret.ts';
import { CommandError } from './command.ts';

/** The secret in the variable `name`, else what is piped in, else what is typed. */
export async function readSecret(prompt: string, variable: string | undefined): Promise<Secret> {
  if (variable !== undefined) {
    const value = process.env[variable];
    if (value === undefined || value === '') throw new CommandError(`the variable ${variable} is not set`);
    return new Secret(value.trim());
  }
  const text = process.stdin.isTTY ? await ask(prompt) : await readAll();
  if (text.trim() === '') throw new CommandError('no key was given on standard input');
  return new Secret(text.trim());
}

async function readAll(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function ask(prompt: string): Promise<string> {
  process.stderr.write(prompt);
  const nothing = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nothing, terminal: true });
  try {
    return await lines.question('');
  } catch {
    // Broken off, with Ctrl+C or Ctrl+D.
    return '';
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}
