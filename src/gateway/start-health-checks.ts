import { monotonicClock } from '../clock.ts'
import { createHealthChecks, type HealthCheckContext } from './health-checks.ts'

/** How often it is seen which stores are due, in milliseconds: less than a store that is away rests. */
const EVERY_MS = 250

/**
 * Keeps in view how all stores do, and their clocks: also of those that nothing else is asked of, as by a gateway
 * that only signs links. The first look is at once. Returns what stops it: it resolves when no look is under way.
 */
export function startHealthChecks(context: HealthCheckContext): () => Promise<void> {
  const checks = createHealthChecks(context, monotonicClock)
  const end = context.storeHealth.onTrouble((storeName) => checks.trouble(storeName))
  checks.begin()
  const timer = setInterval(() => checks.begin(), EVERY_MS)
  return async () => {
    clearInterval(timer)
    end()
    await checks.stop()
  }
}
