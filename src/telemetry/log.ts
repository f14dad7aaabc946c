// The log: structured lines on standard output, one a request, none with a secret or a prompt.
import pino, { type DestinationStream, type Logger } from 'pino';
import pretty from 'pino-pretty';

/** The log. It keeps its lines to itself until it is released, so that the start can speak first. */
export interface Log {
  readonly logger: Logger;
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
  let kept: string[] | undefined = [];
  const destination: DestinationStream = {
    write(line) {
      if (kept === undefined) lines.write(line);
      else kept.push(line);
    },
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
    release() {
      for (const line of kept ?? []) lines.write(line);
      kept = undefined;
    },
    flush() {
      try {
        output.flushSync();
      } catch {
        // Standard output is closed, or was never opened: there is nobody to tell.
      }
    },
  };
}
