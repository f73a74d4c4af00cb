import { type Clock, toTimestamp } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Telemetry } from '../telemetry.ts'

/** How a store does, as this process has seen it. */
export interface StoreHealthView {
  /** Open: the store did not answer some times in a row, and calls fail at once. */
  readonly breaker: 'closed' | 'open'
  /** Calls of the gateway that are under way. */
  readonly inFlight: number
  /** Calls that wait for their turn. */
  readonly waiting: number
  /** When the last call stayed without an answer. */
  readonly lastFailureAt?: string
  /** The store's clock minus ours, to about a second; absent while nobody has looked. */
  readonly clockOffsetSeconds?: number
  readonly clockMeasuredAt?: string
}

/** What one call has shown of a store. */
export interface SeenAnswer {
  /** The answer's `Date`, where it had one that is a date. */
  readonly dateMs?: number | undefined
  readonly sentAtMs: number
  readonly receivedAtMs: number
  /** True: no answer, or one that says that the store is away. */
  readonly failed: boolean
}

/** What is known of how the stores do, by name. */
export interface StoreHealth {
  of(storeName: string): StoreHealthView
  answered(storeName: string, seen: SeenAnswer): void
}

export interface StoreHealthOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly telemetry?: Telemetry
}

interface Known {
  lastFailureMs?: number
  offsetMs?: number
  measuredAtMs?: number
}

/** Starts without knowing anything of any store. */
export function createStoreHealth({ clock }: StoreHealthOptions): StoreHealth {
  const stores = new Map<string, Known>()
  return {
    of(storeName) {
      const { lastFailureMs, offsetMs, measuredAtMs } = stores.get(storeName) ?? {}
      return {
        breaker: 'closed',
        inFlight: 0,
        waiting: 0,
        ...(lastFailureMs !== undefined && { lastFailureAt: toTimestamp(lastFailureMs) }),
        ...(offsetMs !== undefined && { clockOffsetSeconds: Math.round(offsetMs / 1000) }),
        ...(measuredAtMs !== undefined && { clockMeasuredAt: toTimestamp(measuredAtMs) }),
      }
    },
    answered(storeName, { dateMs, sentAtMs, receivedAtMs, failed }) {
      const known = stores.get(storeName) ?? {}
      stores.set(storeName, known)
      if (failed) known.lastFailureMs = clock.nowMs()
      if (dateMs === undefined) return
      known.offsetMs = dateMs - (sentAtMs + receivedAtMs) / 2
      known.measuredAtMs = receivedAtMs
    },
  }
}
