import type { GatewayContext } from './context.ts'
import { probePlacements } from './store-truth.ts'

/** A store's clock is looked at when no call has shown it for so long, in milliseconds. */
const EVERY_MS = 60_000

/**
 * Keeps the clocks of all stores in view, also of those that nothing else is asked of: a gateway that
 * only signs downloads never calls one. The first look is at once. Returns what stops it: it resolves
 * when no look is under way.
 */
export function startClockWatch(
  context: GatewayContext,
  { everyMs = EVERY_MS } = {},
): () => Promise<void> {
  const underWay = new Set<Promise<void>>()

  function lookAtAll(): void {
    for (const store of context.config.stores.values()) {
      const [placement] = probePlacements(context.config, store.name)
      const { clockMeasuredAt } = context.storeHealth.of(store.name)
      const agoMs = context.clock.nowMs() - Date.parse(clockMeasuredAt ?? '')
      // Never measured is no number, and a clock that was set back says nothing of how long ago it was.
      if (placement === undefined || (agoMs >= 0 && agoMs < everyMs)) continue
      context.storeHealth.lookAgain(store, () => {
        const look = context.storeClient.headBucket(placement)
        const seen = look.catch(() => {}).finally(() => underWay.delete(seen))
        underWay.add(seen)
        return look
      })
    }
  }

  lookAtAll()
  const timer = setInterval(lookAtAll, everyMs)
  return async () => {
    clearInterval(timer)
    await Promise.all(underWay)
  }
}
