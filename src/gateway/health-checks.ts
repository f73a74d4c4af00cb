import { FAILURES_TO_OPEN } from '../circuit-breaker.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { Placement, Store } from '../stores/store.ts'
import { isUnsent } from '../stores/store-health.ts'
import type { GatewayContext } from './context.ts'
import { probePlacements } from './store-truth.ts'

/** Between two looks, in seconds, where a store that is away makes new objects go elsewhere, and where not. */
const USUAL_SECONDS = { elsewhere: 5, alone: 60 }
/** Rest before a store that is away, or one that a call has just failed at, is looked at again. */
const SOON_MS = 1_000
/** A rest is cut by up to so much, by chance: many gateways must not ask at the same moment. */
const JITTER = 0.2
/**
 * A store that is silent for so long is asked once more, and from then on ever faster: five looks then end
 * within a second of each other, however long one may take. At most these, and a tenth of a call's own time.
 */
const SILENT_MS = { first: 500, next: 100 }
/** Looks at a store that is away, at once: each one may hang for as long as a call may take. */
const MAX_TRIALS = 5

/** What checks need of a gateway. */
export type HealthCheckContext = Pick<
  GatewayContext,
  'config' | 'random' | 'storeClient' | 'storeHealth'
>

/** Looks at stores to see whether they answer, so that placing and operators know before callers do. */
export interface HealthChecks {
  /**
   * Begins the looks that are due and returns at once. One at a store that has answered lately is not; one that
   * fails is repeated at once, until the store counts as away; a store that is away is tried once a second.
   */
  begin(): void
  /** Begins one at a store at which a call has just failed; once a second at most. */
  trouble(storeName: string): void
  /** Resolves when no look is under way. */
  settled(): Promise<void>
  /** Gives up what is under way, and resolves when it is over. */
  stop(): Promise<void>
}

/** The pace of the looks at one store; moments are by the stopwatch. */
interface Pace {
  readonly endpoint: string
  /** When the last one began or, while the store answers, its round was over. */
  lastMs: number
  /** Which part of its rest it takes. */
  part: number
  /** A call has just failed: an answer to another one counts for nothing. */
  isUrgent: boolean
  isRound: boolean
  trials: number
}

/** Every store that objects of some bucket are in is looked at, by its first bucket. */
export function createHealthChecks(
  context: HealthCheckContext,
  stopwatch: Clock,
  { silentMs = SILENT_MS } = {},
): HealthChecks {
  const { random, storeClient, storeHealth } = context
  const paces = new Map<string, Pace>()
  const underWay = new Set<Promise<unknown>>()
  const stopping = new AbortController()
  let planned:
    | { readonly by: Config['buckets']; readonly checks: ReadonlyMap<string, PlannedCheck> }
    | undefined

  function plan(): ReadonlyMap<string, PlannedCheck> {
    const { config } = context
    if (planned?.by === config.buckets) return planned.checks
    planned = { by: config.buckets, checks: planOf(config) }
    for (const name of paces.keys()) if (!planned.checks.has(name)) paces.delete(name)
    return planned.checks
  }

  /** At another address it is another store, and nobody has looked at it. */
  function paceOf(storeName: string, { placement }: PlannedCheck): Pace {
    const { endpoint } = placement.store
    const known = paces.get(storeName)
    if (known?.endpoint === endpoint) return known
    const lastMs = Number.NEGATIVE_INFINITY
    const pace = { endpoint, lastMs, part: draw(), isUrgent: false, isRound: false, trials: 0 }
    paces.set(storeName, pace)
    return pace
  }

  function beginIfDue(storeName: string, check: PlannedCheck): void {
    const pace = paceOf(storeName, check)
    const sinceMs = stopwatch.nowMs() - pace.lastMs
    if (storeHealth.isDown(storeName)) {
      if (pace.trials < MAX_TRIALS && sinceMs >= SOON_MS * pace.part) tryOnce(check, pace)
      return
    }
    if (pace.isRound) return
    const seenAgoMs = storeHealth.answeredAgoMs(storeName) ?? Number.POSITIVE_INFINITY
    const isDue = Math.min(sinceMs, seenAgoMs) >= check.everyMs * pace.part
    if (pace.isUrgent ? sinceMs >= SOON_MS : isDue) beginRound(check, pace)
  }

  function tryOnce({ placement }: PlannedCheck, pace: Pace): void {
    pace.lastMs = stopwatch.nowMs()
    pace.part = draw()
    pace.isUrgent = false
    pace.trials += 1
    const over = () => {
      pace.trials -= 1
    }
    keep(look(placement).finally(over))
  }

  function beginRound({ placement }: PlannedCheck, pace: Pace): void {
    pace.isUrgent = false
    pace.isRound = true
    const over = () => {
      pace.isRound = false
      pace.lastMs = stopwatch.nowMs()
      pace.part = draw()
    }
    keep(lookUntilKnown(placement).finally(over))
  }

  /** One look that fails says little: the others come at once, and beside it where it hangs. */
  async function lookUntilKnown(placement: Placement): Promise<void> {
    const { name, timeoutMs } = placement.store
    const looks: Promise<unknown>[] = []
    let isKnown = false
    for (let patienceMs = silentMs.first; looks.length < FAILURES_TO_OPEN; ) {
      const one = look(placement).then((outcome) => {
        if (outcome !== 'failed') isKnown = true
      })
      looks.push(one)
      await within(Math.min(patienceMs, timeoutMs / 10), one)
      if (isKnown || storeHealth.isDown(name) || stopping.signal.aborted) break
      patienceMs = silentMs.next
    }
    await Promise.all(looks)
    // What its clock shows is new: that counts when it is seen twice.
    if (isKnown && storeHealth.isClockUnsure(name)) await look(placement)
  }

  async function look(placement: Placement): Promise<'answered' | 'failed' | 'not made'> {
    try {
      await storeClient.headBucket(placement, { signal: stopping.signal })
      return 'answered'
    } catch (error) {
      return isUnsent(error) || stopping.signal.aborted ? 'not made' : 'failed'
    }
  }

  function keep(work: Promise<unknown>): void {
    underWay.add(work)
    void work.finally(() => underWay.delete(work))
  }

  async function settled(): Promise<void> {
    while (underWay.size > 0) await Promise.all(underWay)
  }

  function draw(): number {
    const [byte = 0] = random(1)
    return 1 - (JITTER * byte) / 255
  }

  return {
    begin() {
      if (stopping.signal.aborted) return
      for (const [name, check] of plan()) beginIfDue(name, check)
    },
    trouble(storeName) {
      const check = plan().get(storeName)
      if (check === undefined || stopping.signal.aborted) return
      paceOf(storeName, check).isUrgent = true
      beginIfDue(storeName, check)
    },
    settled,
    async stop() {
      stopping.abort()
      await settled()
    },
  }
}

interface PlannedCheck {
  readonly placement: Placement
  readonly everyMs: number
}

/** Which stores are looked at, by name, where, and how often. */
function planOf(config: Config): ReadonlyMap<string, PlannedCheck> {
  const checks = new Map<string, PlannedCheck>()
  for (const placement of probePlacements(config)) {
    const everyMs = healthCheckSeconds(config, placement.store) * 1000
    if (everyMs > 0 && !checks.has(placement.store.name)) {
      checks.set(placement.store.name, { placement, everyMs })
    }
  }
  return checks
}

/** Seconds between two looks at a store; 0: none. */
export function healthCheckSeconds(config: Config, store: Store): number {
  if (store.healthCheckSeconds !== undefined) return store.healthCheckSeconds
  const isOther = (placement: Placement) => placement.store.name !== store.name
  const canGoElsewhere = [...config.buckets.values()].some(
    ({ placements }) => placements.some(isOther) && !placements.every(isOther),
  )
  return canGoElsewhere ? USUAL_SECONDS.elsewhere : USUAL_SECONDS.alone
}

/** Waits for `work`, and no longer than `ms`. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, over])
  clearTimeout(timer)
}
