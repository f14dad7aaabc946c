// Reads what an error body says, in OpenAI's form and in the forms of those who speak its format almost.
import type { StatedError } from '../../core/failure-rule.ts';

/** Longest message and longest code that is looked at. */
const longestMessage = 4096;
const longestCode = 200;

/** What an answer states. */
export interface ReadError extends StatedError {
  /** The body is an error object; otherwise the message is the beginning of its text. */
  readonly isError: boolean;
}

/** Reads an error body; `status` as the answer has it. Never throws. */
export function readError(status: number, body: Uint8Array): ReadError {
  const text = new TextDecoder().decode(body);
  const fields = errorFields(parse(text), status);
  if (fields === undefined)
    return { status, code: '', type: '', message: text.slice(0, longestMessage), isError: false };
  const code = textOf(fields['code'], longestCode);
  return {
    status: statusOf(status, code),
    code,
    type: textOf(fields['type'], longestCode),
    message: textOf(fields['message'], longestMessage),
    isError: true,
  };
}

/** An error inside a success often has the status as its code: `{"error":{"code":429,…}}` (openrouter.ai/docs, errors). */
function statusOf(status: number, code: string): number {
  return status < 400 && /^[45]\d\d$/u.test(code) ? Number(code) : status;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * `{"error":{…}}` (OpenAI), `{"error":"slow down"}` (its edge), `[{"error":{…}}]` (Gemini), and under an error's status
 * also `{"object":"error","message":…}` (vLLM) and `{"detail":…}` (FastAPI).
 */
function errorFields(value: unknown, status: number): Fields | undefined {
  const outer = Array.isArray(value) ? (value[0] as unknown) : value;
  if (!isFields(outer)) return undefined;
  const { error, message, detail } = outer;
  if (isFields(error)) return error;
  if (typeof error === 'string' && error !== '') return { ...outer, message: error };
  if (status < 400) return undefined;
  if (typeof message === 'string') return outer;
  if (detail === undefined) return undefined;
  return { message: typeof detail === 'string' ? detail : JSON.stringify(detail) };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function textOf(value: unknown, longest: number): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, longest) : '';
}
