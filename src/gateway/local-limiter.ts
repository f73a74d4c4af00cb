import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'

export interface LocalRate {
  readonly requests: number
  readonly windowSeconds: number
  readonly burst: number
}

/** A rate limit of this process alone, for what the ledger does not count. */
export interface LocalLimiter {
  /** Milliseconds to wait, 0 when allowed (and then taken). */
  take(subject: string, rate: LocalRate, cost?: number): number
  /** Milliseconds until `cost` (default 1) would be allowed, 0 when it is now; takes nothing. */
  waitFor(subject: string, rate: LocalRate, cost?: number): number
}

const MAX_SUBJECTS = 10_000

/**
 * GCRA in memory. At most 10,000 subjects are remembered; past that the longest unused one starts
 * afresh, so memory stays bounded whatever callers do.
 */
export function createLocalLimiter(clock: Clock): LocalLimiter {
  const arrivals = new Map<string, number>()

  function arrivalAfter(subject: string, { requests, windowSeconds }: LocalRate, cost: number) {
    const spacing = (windowSeconds * 1000) / requests
    return Math.max(arrivals.get(subject) ?? 0, clock.nowMs()) + spacing * cost
  }

  function waitUntil(arrival: number, { requests, windowSeconds, burst }: LocalRate): number {
    const spacing = (windowSeconds * 1000) / requests
    return Math.max(0, arrival - (clock.nowMs() + spacing * burst))
  }

  return {
    waitFor: (subject, rate, cost = 1) => waitUntil(arrivalAfter(subject, rate, cost), rate),
    take(subject, rate, cost = 1) {
      const arrival = arrivalAfter(subject, rate, cost)
      const wait = waitUntil(arrival, rate)
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

/** The error for a limit of this process alone. */
export function slowDown(policy: string, waitMs: number): GatewayError {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000))
  return new GatewayError('SlowDown', `Cannot take the request: too many for "${policy}"`, {
    retryAfterSeconds,
  })
}
