import { createRareLog } from '../rare-log.ts'
import type { GatewayContext } from './context.ts'

/** A store is in the log at most once in so long, in milliseconds. */
const FULL_LOG_MS = 60_000

/** Tells metrics, and now and then the log, of stores that had no room for something. */
export function createFullLog({
  clock,
  log,
  telemetry,
}: Pick<GatewayContext, 'clock' | 'log' | 'telemetry'>): (store: string) => void {
  const rare = createRareLog(clock, FULL_LOG_MS)
  return (store) => {
    telemetry.storeFull({ store })
    rare.tell(store, (times) => log.warn('store.full', { store, times }))
  }
}
