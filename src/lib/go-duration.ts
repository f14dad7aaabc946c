// Durations as OpenAI writes them: Go's `time.Duration` text, such as `120ms`, `8.64s`, `6m0s`.

/** `ms` (fractions are rounded up to a whole millisecond) as Go prints it; zero or less is `0s`. */
export function goDuration(ms: number): string {
  const whole = Math.ceil(ms - 1e-6);
  if (whole <= 0) return '0s';
  if (whole < 1000) return `${whole}ms`;
  const hours = Math.floor(whole / 3_600_000);
  const minutes = Math.floor((whole % 3_600_000) / 60_000);
  const seconds = (whole % 60_000) / 1000;
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}
