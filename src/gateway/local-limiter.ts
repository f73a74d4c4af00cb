import type { Clock } from '../clock.ts'

export interface LocalRate {
  readonly requests: number
  readonly windowSeconds: number
  readonly burst: number
}

/** A rate limit of this process alone, for what the ledger does not count. */
export interface LocalLimiter {
  /** Milliseconds to wait, 0 when allowed (and then taken). */
  take(subject: string, rate: LocalRate, cost?: number): number
  /** Milliseconds until one more would be allowed, 0 when it is now; takes nothing. */
  waitFor(subject: string, rate: LocalRate): number
}

const MAX_SUBJECTS = 10_000

/**
 * GCRA in memory. At most 10,000 subjects are remembered; past that the longest unused one starts
 * afresh, so memory stays bounded whatever callers do.
 */
export function createLocalLimiter(clock: Clock): LocalLimiter {
  const arrivals = new Map<string, number>()
  return {
    waitFor(subject, { requests, windowSeconds, burst }) {
      const spacing = (windowSeconds * 1000) / requests
      const known = arrivals.get(subject) ?? 0
      return Math.max(0, known + spacing - (clock.nowMs() + spacing * burst))
    },
    take(subject, rate, cost = 1) {
      const now = clock.nowMs()
      const spacing = (rate.windowSeconds * 1000) / rate.requests
      const known = arrivals.get(subject) ?? 0
      const arrival = Math.max(known, now) + spacing * cost
      const wait = arrival - (now + spacing * rate.burst)
      if (wait > 0) return wait
      arrivals.delete(subject)
      arrivals.set(subject, arrival)
      if (arrivals.size > MAX_SUBJECTS) {
        const [oldest] = arrivals.keys()
        if (oldest !== undefined) arrivals.delete(oldest)
      }
      return 0
    },
  }
}
