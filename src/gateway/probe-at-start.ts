import type { GatewayContext } from './context.ts'
import type { Send } from './probe-run.ts'
import { probeStore } from './probe-store.ts'
import { needsProbe, placementIn } from './store-truth.ts'

const FIRST_PAUSE_MS = 5_000
const MAX_PAUSE_MS = 300_000
/** How long a start waits for the first look: it must not depend on a store being reachable. */
const START_WAIT_MS = 3_000

/** What stops probing, and when the first look at every store is over (or has taken too long). */
export interface ProbingAtStart {
  readonly settled: Promise<void>
  stop(): Promise<void>
}

/**
 * Probes every store of which something is unknown that signing depends on. A store that gives no
 * answer is looked at again, ever more rarely; until then what is unknown counts as not kept.
 */
export function probeAtStart(context: GatewayContext, send: Send): ProbingAtStart {
  const truth = context.storeTruth
  const timers = new Set<ReturnType<typeof setTimeout>>()
  const underWay = new Set<Promise<void>>()
  let stopped = false

  async function look(storeName: string, pauseMs: number): Promise<void> {
    const placement = placementIn(truth.config, storeName)
    if (placement === undefined) return
    try {
      truth.adopt(storeName, await probeStore(context, send, placement))
      context.log.info('store.probed', { store: storeName })
    } catch (error) {
      context.log.warn('store.probe_failed', { store: storeName, error })
      if (stopped) return
      const timer = setTimeout(() => {
        timers.delete(timer)
        void begin(storeName, Math.min(MAX_PAUSE_MS, pauseMs * 2))
      }, pauseMs)
      timers.add(timer)
    }
  }

  function begin(storeName: string, pauseMs: number): Promise<void> {
    const work = look(storeName, pauseMs).finally(() => underWay.delete(work))
    underWay.add(work)
    return work
  }

  const unknown = [...truth.config.stores.values()].filter(needsProbe)
  const first = Promise.all(unknown.map(({ name }) => begin(name, FIRST_PAUSE_MS)))
  const patience = new Promise<void>((resolve) => {
    timers.add(setTimeout(resolve, START_WAIT_MS))
  })
  return {
    settled: Promise.race([first.then(() => {}), patience]),
    async stop() {
      stopped = true
      for (const timer of timers) clearTimeout(timer)
      await Promise.all(underWay)
    },
  }
}
