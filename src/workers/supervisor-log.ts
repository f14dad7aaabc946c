// The few log lines of the supervisor, in the form of the workers': it has no logger of theirs in its memory.
import type { Settings } from '../core/settings.ts';

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

/** One line, or none where the level is below that of the settings. */
export function supervisorLine(
  { LOG_LEVEL, LOG_FORMAT }: Pick<Settings, 'LOG_LEVEL' | 'LOG_FORMAT'>,
  isTerminal: boolean,
  nowMs: number,
  line: { readonly level: 'info' | 'error'; readonly message: string; readonly members: object },
): string {
  const { level, message, members } = line;
  if (levels.indexOf(level) < levels.indexOf(LOG_LEVEL)) return '';
  const time = new Date(nowMs).toISOString();
  if ((LOG_FORMAT ?? (isTerminal ? 'pretty' : 'json')) === 'json')
    return `${JSON.stringify({ level, time, ...members, msg: message })}\n`;
  return `[${time.slice(11, -1)}] ${level.toUpperCase()}: ${message} ${JSON.stringify(members)}\n`;
}
