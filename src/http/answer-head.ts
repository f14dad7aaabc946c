// Writes the head of an answer to a client, and says how the end of its body is told.
import { FieldWriter } from '../lib/http1/field-writer.ts';

// An import would load all that the module exports, even what it loads when asked for: 15 MB.
const { STATUS_CODES } = process.getBuiltinModule('node:http');

/** What decides how the end of a body is told. */
export interface AnswerCase {
  readonly method: string;
  /** The client speaks HTTP/1.0 and knows no chunks. */
  readonly isOld: boolean;
  readonly status: number;
  /** The bytes of the whole body, where they are known by now. */
  readonly bodyBytes: number | undefined;
  /** Whether the headers state its length. */
  readonly isLengthStated: boolean;
}

/** How the end of a body is told: `bodiless` where there is none, whatever is written; `counted` by a header that is to be added. */
export type AnswerFraming = 'bodiless' | 'stated' | 'counted' | 'chunked' | 'until_close';

/** Chooses it (RFC 9112, section 6.3). */
export function framingOf({ method, isOld, status, bodyBytes, isLengthStated }: AnswerCase): AnswerFraming {
  if (method === 'HEAD' || status === 204 || status === 304) return 'bodiless';
  if (isLengthStated) return 'stated';
  if (bodyBytes !== undefined) return 'counted';
  return isOld ? 'until_close' : 'chunked';
}

/** Writes the headers of answers. */
export function answerWriter(): FieldWriter {
  return new FieldWriter(new Set(), (name) => new Error(`the header ${JSON.stringify(name)} cannot be sent`));
}

/** What a head is made of. */
export interface AnswerHead {
  readonly status: number;
  /** From the `answerWriter`. */
  readonly fields: string;
  readonly framing: AnswerFraming;
  /** The bytes of the whole body where they are known; also of the one that an answer to HEAD leaves out. */
  readonly bodyBytes: number | undefined;
  /** How long the connection is kept behind this answer, in s; undefined where it is closed. */
  readonly keepAliveSeconds: number | undefined;
  /** As `AnswerDate` has it. */
  readonly date: string;
}

/** The head as latin1 text, with the empty line that ends it. */
export function writeAnswerHead({ status, fields, framing, bodyBytes, keepAliveSeconds, date }: AnswerHead): string {
  const length =
    framing === 'chunked'
      ? 'transfer-encoding: chunked\r\n'
      : framing === 'counted' || (framing === 'bodiless' && bodyBytes !== undefined && bodyBytes > 0)
        ? `content-length: ${bodyBytes}\r\n`
        : '';
  const connection = keepAliveSeconds === undefined ? 'close' : `keep-alive\r\nkeep-alive: timeout=${keepAliveSeconds}`;
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${fields}${length}date: ${date}\r\nconnection: ${connection}\r\n\r\n`;
}

/** Whether the headers, name and value in turn, state the length of the body. */
export function statesLength(headers: readonly string[]): boolean {
  // Most names are in lower case already, and this one stands at the end.
  for (let i = headers.length - 2; i >= 0; i -= 2) {
    const name = headers[i] as string;
    if (name === 'content-length' || (name.length === 14 && name.toLowerCase() === 'content-length')) return true;
  }
  return false;
}

/** The time as answers tell it (RFC 9110, section 5.6.7): made once a second. */
export class AnswerDate {
  #second = -1;
  #text = '';

  at(nowMs: number): string {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = new Date(second * 1000).toUTCString();
    }
    return this.#text;
  }
}
