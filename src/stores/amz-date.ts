/** The last second that was asked for: nearly all signatures of a second are asked for in a row. */
let last = { second: Number.NaN, date: '' }

/** `X-Amz-Date`: ISO 8601 basic format, UTC, whole seconds, rounded down. */
export function toAmzDate(atMs: number): string {
  const second = Math.floor(atMs / 1000)
  if (second !== last.second) {
    const iso = new Date(second * 1000).toISOString()
    last = { second, date: `${iso.slice(0, 19).replaceAll(/[-:]/g, '')}Z` }
  }
  return last.date
}
