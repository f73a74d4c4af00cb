import type { Clock } from './clock.ts'

/** Keeps lines that every request could have from filling the disk. */
export interface RareLog {
  /**
   * Calls `write` with how often it was told of this key since it last did, this time included; or only
   * counts. The last ones before a silence are never told: metrics count each.
   */
  tell(key: string, write: (times: number) => void): void
}

/** Past that the key that was written longest ago starts afresh. */
const MAX_KEYS = 1_000

/** At most one line for each key in `everyMs` milliseconds. */
export function createRareLog(clock: Clock, everyMs: number): RareLog {
  const lines = new Map<string, { atMs: number; untold: number }>()
  return {
    tell(key, write) {
      const nowMs = clock.nowMs()
      const last = lines.get(key)
      if (last !== undefined && Math.abs(nowMs - last.atMs) < everyMs) {
        last.untold += 1
        return
      }
      lines.delete(key)
      lines.set(key, { atMs: nowMs, untold: 0 })
      if (lines.size > MAX_KEYS) {
        const [oldest] = lines.keys()
        if (oldest !== undefined) lines.delete(oldest)
      }
      write(1 + (last?.untold ?? 0))
    },
  }
}
