/** The gateway's own time: for signatures and token checks only. Windows follow the ledger's clock. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  nowMs(): number
}

/** The machine's clock. The only place that reads it. */
export const systemClock: Clock = { nowMs: () => Date.now() }

/** RFC 3339 UTC with whole seconds, as every time on the wire. */
export function toTimestamp(atMs: number): string {
  return `${new Date(Math.floor(atMs / 1000) * 1000).toISOString().slice(0, 19)}Z`
}
