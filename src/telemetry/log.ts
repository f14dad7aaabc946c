// The log: structured lines on standard output, one a request, none with a secret or a prompt.
import { createRequire } from 'node:module';
import pino, { type DestinationStream, type Logger } from 'pino';
import type { prettyFactory } from 'pino-pretty';
import { systemClock, type Clock } from '../lib/clock.ts';
import { IsoClock } from '../lib/iso-times.ts';
import { inOneLine } from './one-line.ts';
import { LogOutput, toStandardOutput } from './log-output.ts';

/** The log. It keeps its lines to itself until it is released, so that the start can speak first. */
export interface Log {
  readonly logger: Logger;
  /** In which form lines are written. */
  readonly form: 'json' | 'pretty';
  /**
   * Writes a line of JSON that is whole but for its line feed, past the logger: for the one line that every request has.
   * It may wait a moment for others.
   */
  write(line: string): void;
  /** The time as lines tell it. */
  time(): string;
  /** Lets the lines out, those of the start first. */
  release(): void;
  /** Gets the last lines out before the process ends; waits no longer than a moment for who takes none. */
  flush(): Promise<void>;
}

/** So much is written to a pipe as one piece, even beside other processes that write to it. */
const pieceBytes = 4096;

/** How long a request's line waits for others: each write wakes two threads, which costs as much as a request of its own. */
const longestWaitMs = 50;
/** So much text waits for no more: with many requests a turn has as much. */
const mostWaiting = 8192;

/** Where lines go, and whose they are. */
export interface LogOptions {
  /** Takes the lines in place of standard output. */
  readonly other?: DestinationStream | undefined;
  /** The worker whose lines these are, where there are several; each line says so. */
  readonly worker?: number | undefined;
  /** By which lines of requests wait for one another; where there is none, they are written with their turn. */
  readonly clock?: Clock | undefined;
}

/** Opens the log on standard output; where no form is given, as fits it. */
export function openLog(
  level: string,
  format: 'json' | 'pretty' | undefined,
  { other, worker, clock = other === undefined ? systemClock : undefined }: LogOptions = {},
): Log {
  const output = new LogOutput({
    write: toStandardOutput,
    clock: systemClock,
    onTrouble: ({ message }) => process.stderr.write(`aigateway: the log cannot be written: ${message}\n`),
    onLost: (lost) => logger.warn({ lost }, 'so many lines of the log were lost: nobody took them'),
  });
  // Asked in any case: it is what makes a pipe answer that it is full, in place of holding a thread until it is read.
  const isTerminal = process.stdout.isTTY;
  const form = format ?? (isTerminal ? 'pretty' : 'json');
  const lines = other ?? (form === 'pretty' ? prettyLines(isTerminal, output) : output);
  const isoClock = new IsoClock();
  const opening = worker === undefined ? '' : `{"worker":${worker},`;
  let isReleased = false;
  let kept = '';
  let isDue = false;
  let cancelWait: (() => void) | undefined;
  const writeKept = (): void => {
    isDue = false;
    cancelWait?.();
    cancelWait = undefined;
    if (!isReleased || kept === '') return;
    const text = kept;
    kept = '';
    if (worker === undefined) lines.write(text);
    else for (const piece of piecesOf(text)) lines.write(piece);
  };
  const keep = (line: string, mayWait: boolean): void => {
    kept += opening === '' ? line : opening + line.slice(1);
    if (isDue) return;
    if (mayWait && clock !== undefined && kept.length < mostWaiting) {
      cancelWait ??= clock.after(longestWaitMs, writeKept);
      return;
    }
    isDue = true;
    // One write a turn of the event loop costs a tenth of one a line.
    setImmediate(writeKept);
  };
  const logger = pino(
    {
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      base: null,
    },
    { write: (line) => keep(line, false) },
  );
  return {
    logger,
    form,
    write: (line) => keep(`${line}\n`, true),
    time: () => isoClock.at(Date.now()),
    release() {
      isReleased = true;
      writeKept();
    },
    flush() {
      writeKept();
      return output.end();
    },
  };
}

/** Lines as a person reads them; only who reads the log at a terminal has in memory what makes them. */
function prettyLines(isTerminal: boolean, output: LogOutput): DestinationStream {
  const pretty = createRequire(import.meta.url)('pino-pretty') as { readonly prettyFactory: typeof prettyFactory };
  const print = pretty.prettyFactory({
    colorize: isTerminal,
    translateTime: 'SYS:HH:MM:ss.l',
    // Of a line's members only these are laid out by pino-pretty, an error in several lines; the rest stand in the message.
    include: 'level,time,err',
    messageFormat: inOneLine,
  });
  return {
    write: (text) =>
      output.write(
        text
          .split('\n')
          .map((line) => (line === '' ? '' : print(line)))
          .join(''),
      ),
  };
}

/** Whole lines together, in pieces that are written as one each; a line that is longer is a piece of its own. */
function* piecesOf(text: string): Generator<string> {
  let from = 0;
  while (from < text.length) {
    const isLast = Buffer.byteLength(text.slice(from)) <= pieceBytes;
    // Characters of more than one byte make the piece shorter than it might be.
    const within = text.lastIndexOf('\n', from + pieceBytes / 4);
    const end = isLast ? text.length : (within > from ? within : text.indexOf('\n', from)) + 1;
    yield text.slice(from, end);
    from = end;
  }
}
