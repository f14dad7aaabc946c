// The log: structured lines on standard output, one a request, none with a secret or a prompt.
import pino, { type DestinationStream, type Logger } from 'pino';
import pretty from 'pino-pretty';
import { TurnEnd, type Postponed } from '../lib/turn-end.ts';

/** The log. It keeps its lines to itself until it is released, so that the start can speak first. */
export interface Log {
  readonly logger: Logger;
  /** Writes a line of JSON that is whole but for its line feed, past the logger: for the one line that every request has. */
  write(line: string): void;
  /** Lets the lines out, those of the start first. */
  release(): void;
  /** Gets the last lines out before the process ends. */
  flush(): void;
}

/** Opens the log on standard output; `other` takes its lines in place of that. */
export function openLog(level: string, format: 'json' | 'pretty', other?: DestinationStream): Log {
  const output = pino.destination({ dest: 1, sync: false });
  const lines: DestinationStream =
    other ??
    (format === 'json'
      ? output
      : pretty({
          colorize: process.stdout.isTTY,
          translateTime: 'SYS:HH:MM:ss.l',
          ignore: 'pid,hostname',
          destination: output,
        }));
  const turnEnd = new TurnEnd();
  let isReleased = false;
  let kept = '';
  const writeKept = (): void => {
    if (!isReleased || kept === '') return;
    const text = kept;
    kept = '';
    lines.write(text);
  };
  // The stream behind it measures all that waits anew for each line: one write a turn costs a tenth of one a line.
  const destination: DestinationStream & Postponed = {
    write(line) {
      if (kept === '') turnEnd.add(destination);
      kept += line;
    },
    atTurnEnd: writeKept,
  };
  const logger = pino(
    {
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      base: null,
    },
    destination,
  );
  return {
    logger,
    write: (line) => destination.write(`${line}\n`),
    release() {
      isReleased = true;
      writeKept();
    },
    flush() {
      writeKept();
      try {
        output.flushSync();
      } catch {
        // Standard output is closed, or was never opened: there is nobody to tell.
      }
    },
  };
}
