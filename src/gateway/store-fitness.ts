import { GatewayError } from '../errors.ts'
import { MAX_CLOCK_OFFSET_MS } from '../stores/clock-log.ts'
import type { Placement, Store } from '../stores/store.ts'
import type { GatewayContext } from './context.ts'

/** A measurement at a time, and a new one this much later: so soon a caller may find it right again. */
const RETRY_AFTER_SECONDS = 10

/** What has to be known of the stores, and of the clocks, before anything is signed. */
export type FitnessContext = Pick<
  GatewayContext,
  'clock' | 'ledgerTime' | 'log' | 'storeClient' | 'storeHealth'
>

/**
 * Passes a store whose clock is near enough for what is signed to mean what it says; one that nobody
 * has measured passes. Comes before the ledger, so that nothing is charged, and asks no store: while
 * it refuses, the clock is measured again in the background. Throws `StoreUnavailable`.
 */
export function assertClockFits(context: FitnessContext, placement: Placement): void {
  const { clock, ledgerTime, storeClient, storeHealth } = context
  const { store } = placement
  const offsetMs = storeHealth.clockOffsetMs(store.name)
  if (offsetMs === undefined) return
  // Grants have the ledger's time, our own calls have ours: a store must understand both. What time it
  // is there every reply of the ledger tells, so the sweeper learns it also while nothing is granted.
  const fromLedgerMs = offsetMs - (ledgerTime.nowMs() - clock.nowMs())
  const worstMs = Math.abs(fromLedgerMs) > Math.abs(offsetMs) ? fromLedgerMs : offsetMs
  if (Math.abs(worstMs) <= MAX_CLOCK_OFFSET_MS) return
  storeHealth.lookAgain(store, () => storeClient.headBucket(placement))
  const seconds = Math.round(Math.abs(worstMs) / 1000)
  throw new GatewayError(
    'StoreUnavailable',
    `Cannot sign for this store: its clock is ${seconds} s off ours`,
    {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      facts: { store: store.name, offsetSeconds: Math.round(worstMs / 1000) },
    },
  )
}

/**
 * Passes a store that may be called, before a request that has to call it is charged. Throws
 * `StoreUnavailable` for one that has not answered lately.
 */
export function assertCallable(context: Pick<GatewayContext, 'storeHealth'>, store: Store): void {
  context.storeHealth.assertAnswers(store)
}
