import type { Clock } from './clock.ts'

export interface CircuitBreakerOptions {
  readonly clock: Clock
  /** Failures in a row that open it, 1 and up. Default 5. */
  readonly failuresToOpen?: number
  /** While open, at most one call passes in this many milliseconds. Default 1,000. */
  readonly trialEveryMs?: number
}

/** Keeps callers from waiting for a server that does not answer. */
export interface CircuitBreaker {
  /** Whether to call at all; `false`: fail at once. Whoever got `true` tells how the call ended. */
  allow(): boolean
  /** What `allow` would say now; takes no turn. */
  readonly wouldAllow: boolean
  /** The server answered. A refusal is an answer. */
  succeeded(): void
  /** No answer: a timeout, a closed connection. */
  failed(): void
  readonly state: 'closed' | 'open'
}

/** Failures in a row that open a breaker where nothing else is said. */
export const FAILURES_TO_OPEN = 5
const TRIAL_EVERY_MS = 1_000

/**
 * A breaker that opens after some failures in a row. While it is open one trial passes from time to
 * time, the first a full pause after it opened, and any answer closes it. A trial whose end is never
 * told costs nothing but its turn.
 */
export function createCircuitBreaker({
  clock,
  failuresToOpen = FAILURES_TO_OPEN,
  trialEveryMs = TRIAL_EVERY_MS,
}: CircuitBreakerOptions): CircuitBreaker {
  let failures = 0
  /** When it opened, or when the last trial passed; `undefined` while closed. */
  let pausedAtMs: number | undefined

  function mayCall(nowMs: number): boolean {
    if (pausedAtMs === undefined) return true
    const pausedMs = nowMs - pausedAtMs
    // A clock that stepped back must not keep trials away for as long as it stepped.
    return pausedMs < 0 || pausedMs >= trialEveryMs
  }

  return {
    allow() {
      if (pausedAtMs === undefined) return true
      const nowMs = clock.nowMs()
      if (!mayCall(nowMs)) return false
      pausedAtMs = nowMs
      return true
    },
    get wouldAllow() {
      return mayCall(clock.nowMs())
    },
    succeeded() {
      failures = 0
      pausedAtMs = undefined
    },
    failed() {
      failures += 1
      // Calls that were under way when it opened do not put the next trial off.
      if (failures >= failuresToOpen) pausedAtMs ??= clock.nowMs()
    },
    get state() {
      return pausedAtMs === undefined ? 'closed' : 'open'
    },
  }
}
