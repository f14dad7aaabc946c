// Time zones: what is to be added to UTC at a place, and when that changes.

/** A stretch of time: `toMs` is not included. Milliseconds since the epoch. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A stretch in which a zone's clocks are `offsetMs` ahead of UTC throughout. */
export interface ZonePiece extends Span {
  readonly offsetMs: number;
}

/** Clocks are never changed twice within this. */
const stepMs = 7 * 86_400_000;

/** A place's time. */
export interface TimeZone {
  /** The IANA name as it was asked for. */
  readonly name: string;
  /** The pieces of a stretch, in order and without gaps. */
  pieces(span: Span): ZonePiece[];
}

/** The zone of an IANA name such as `Asia/Kolkata`, or undefined where there is none. */
export function findTimeZone(name: string): TimeZone | undefined {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset', year: 'numeric' });
  } catch {
    return undefined;
  }
  return { name, pieces: (span) => piecesOf(span, (atMs) => offsetOf(format.format(atMs))) };
}

/** Reads the end of `2026, GMT+05:30`; a bare `GMT` is 0. */
function offsetOf(text: string): number {
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = /([+-])(\d+):(\d+)(?::(\d+))?$/u.exec(text) ?? [];
  const ms = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
  return sign === '-' ? -ms : ms;
}

function piecesOf({ fromMs, toMs }: Span, offsetAt: (atMs: number) => number): ZonePiece[] {
  const pieces: ZonePiece[] = [];
  let beginMs = fromMs;
  let offsetMs = offsetAt(fromMs);
  for (let atMs = fromMs; atMs < toMs;) {
    const nextMs = Math.min(atMs + stepMs, toMs);
    const nextOffsetMs = offsetAt(nextMs);
    if (nextOffsetMs !== offsetMs) {
      const changeMs = firstOther(atMs, nextMs, (ms) => offsetAt(ms) === offsetMs);
      if (changeMs < toMs) {
        pieces.push({ fromMs: beginMs, toMs: changeMs, offsetMs });
        beginMs = changeMs;
        offsetMs = nextOffsetMs;
      }
    }
    atMs = nextMs;
  }
  pieces.push({ fromMs: beginMs, toMs, offsetMs });
  return pieces;
}

/** The first moment after `lowMs` of which `isSame` does not hold any more; of `lowMs` it does, of `highMs` not. */
function firstOther(lowMs: number, highMs: number, isSame: (ms: number) => boolean): number {
  let [low, high] = [lowMs, highMs];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isSame(middle)) low = middle;
    else high = middle;
  }
  return high;
}
