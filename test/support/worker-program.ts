// The program with several workers, as an operator sees it: its processes, and clients that each have a connection of their own.
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';

const childrenOf = (pid: number): string => `/proc/${pid}/task/${pid}/children`;

/** Why the workers of a program cannot be found here, as the reason of a skipped test; false where they can. */
export const withoutChildren: string | false = existsSync(childrenOf(process.pid))
  ? false
  : 'the processes of a program are found in /proc, and this system does not show them there';

/** The processes that this one has started and that live. */
export function workersOf(pid: number): readonly number[] {
  return readFileSync(childrenOf(pid), 'utf8').split(' ').filter(Boolean).map(Number);
}

/** Whether there is such a process. */
export function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** An answer that was read to its end, or to where its connection broke. */
export interface WholeAnswer {
  /** 0: the connection broke before it. */
  readonly status: number;
  readonly text: string;
  /** By which the gateway's ledger knows it. */
  readonly requestId: string;
}

/** Asks on a connection of its own, so that the kernel chooses the worker; `onText` hears each piece of the answer. */
export function askAlone(
  url: string,
  path: string,
  { body, key, onText = () => {} }: { body?: unknown; key?: string; onText?: (text: string) => void } = {},
): Promise<WholeAnswer> {
  return new Promise((resolve) => {
    let status = 0;
    let text = '';
    let requestId = '';
    const end = (): void => resolve({ status, text, requestId });
    const headers = {
      'content-type': 'application/json',
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    };
    const method = body === undefined ? 'GET' : 'POST';
    const call = request(new URL(path, url), { agent: false, method, headers }, (answer) => {
      status = answer.statusCode ?? 0;
      requestId = String(answer.headers['x-aigateway-request-id']);
      answer.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        onText(piece);
      });
      answer.on('close', end).on('error', end);
    });
    call.on('error', end);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
