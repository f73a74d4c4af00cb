/** The gateway's own time: for signatures and token checks only. Windows follow the ledger's clock. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  nowMs(): number
}

/** The machine's clock. The only place that reads it. */
export const systemClock: Clock = { nowMs: () => Date.now() }

/**
 * Measures how long something took: begins with the machine's clock, and goes on evenly when that is
 * set, so its moments have a meaning within this process alone.
 */
export const monotonicClock: Clock = { nowMs: () => performance.timeOrigin + performance.now() }

const MAX_TEXTS = 1_000
const texts = new Map<number, string>()

/** RFC 3339 UTC with whole seconds, as every time on the wire. The same few are asked for again and again. */
export function toTimestamp(atMs: number): string {
  const seconds = Math.floor(atMs / 1000)
  const known = texts.get(seconds)
  if (known !== undefined) return known
  const text = `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`
  if (texts.size >= MAX_TEXTS) texts.clear()
  texts.set(seconds, text)
  return text
}
