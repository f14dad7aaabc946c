// Time zones by their IANA names, as Node.js knows them.

/** Whether there is such a time zone: `UTC`, `Europe/Berlin`. Takes some 20 µs. */
export function isTimeZone(name: string): boolean {
  try {
    return Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
