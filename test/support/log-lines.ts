/** Lines of a log about one event, or about all whose names begin so (`audit.`). */
export function eventsIn(log: readonly string[], event: string): Record<string, unknown>[] {
  return log
    .flatMap((text) => text.split('\n'))
    .filter((line) => line.includes(`"event":"${event}${event.endsWith('.') ? '' : '"'}`))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
