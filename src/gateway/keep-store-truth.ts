import type { ProbeReport } from '../stores/probe-report.ts'
import type { Placement } from '../stores/store.ts'
import type { GatewayContext } from './context.ts'
import { adoptIfCurrent } from './probe/adopt.ts'
import { leaseProbe } from './probe/lease.ts'
import { probeNow } from './probe/now.ts'
import {
  GOOD_FOR_MS,
  isFresh,
  isLookedAtAlike,
  keptReport,
  unfinishedReport,
} from './probe/record.ts'
import { needsProbe, probePlacements } from './store-truth.ts'
import { tellTroubles } from './what-is-signed.ts'

const FIRST_PAUSE_MS = 5_000
const MAX_PAUSE_MS = 300_000
/** A probe that has not seen everything is gone on with after so long, in milliseconds. */
const INCOMPLETE_PAUSE_MS = 900_000
/** How often other gateways' reports are looked for, in milliseconds. */
const REFRESH_MS = 60_000
/** The same while another gateway probes. */
const REFRESH_SOON_MS = 500
/** A store that calls itself something else is probed again after so long, in milliseconds. */
const OTHER_SERVER_MS = 3_600_000
/** How long a start waits for the first look: it must not depend on a store being reachable. */
const START_WAIT_MS = 3_000

/** What stops it, and when the first look at every store is over (or has taken too long). */
export interface KeptTruth {
  readonly settled: Promise<void>
  /**
   * Takes note that the stores have other settings now: looks anew at each whose own have changed,
   * whatever is known of it, begins with new ones, and ends with those that are gone.
   */
  reconfigured(): void
  /** Ends probes, waits until they have cleaned up behind themselves, or until `hurry`. */
  stop(hurry?: Promise<unknown>): Promise<void>
}

/** A store's bucket that is looked at again and again. */
interface Watched {
  placement: Placement
  /** What was seen of it under other settings, and says nothing of these. */
  readonly outdated: ProbeReport | undefined
  isOver: boolean
}

/**
 * Keeps what is known of every store in use no older than a day: adopts what another gateway or an
 * earlier start has seen, and probes where there is nothing, or nothing that still counts. A store that
 * gives no answer is looked at again, ever more rarely. Stores whose `probe` is `manual` are probed on
 * demand only.
 */
export function keepStoreTruth(
  context: GatewayContext,
  { startWaitMs = START_WAIT_MS, refreshMs = REFRESH_MS, otherServerMs = OTHER_SERVER_MS } = {},
): KeptTruth {
  let stopped = false
  const timers = new Set<ReturnType<typeof setTimeout>>()
  const work = new Set<Promise<void>>()
  const all = new Map<string, Watched>()

  function later(restMs: number, run: () => Promise<void>): void {
    if (stopped) return
    const timer = setTimeout(() => {
      timers.delete(timer)
      void begin(run)
    }, restMs)
    timers.add(timer)
  }

  function begin(run: () => Promise<void>): Promise<void> {
    const running = run().finally(() => work.delete(running))
    work.add(running)
    return running
  }

  /** One look, then the next one in its time. `done` is told when one is over, however it ended. */
  async function look(watched: Watched, pauseMs: number, done: () => void): Promise<void> {
    if (watched.isOver) return done()
    const nextMs = await lookOnce(context, watched, { refreshMs, otherServerMs }).catch(
      (error: unknown) => {
        const { store, bucket } = watched.placement
        if (!stopped && !watched.isOver) {
          context.log.warn('store.probe_failed', { store: store.name, bucket, error })
        }
        return undefined
      },
    )
    if (nextMs !== REFRESH_SOON_MS) done()
    const nextPauseMs = nextMs === undefined ? Math.min(MAX_PAUSE_MS, pauseMs * 2) : FIRST_PAUSE_MS
    later(nextMs ?? pauseMs, () => look(watched, nextPauseMs, done))
  }

  function watch(placement: Placement, outdated?: ProbeReport): Promise<void> {
    const watched: Watched = { placement, outdated, isOver: false }
    all.set(nameOf(placement), watched)
    return new Promise((resolve) => {
      void begin(() => look(watched, FIRST_PAUSE_MS, resolve))
    })
  }

  const first = probePlacements(context.storeTruth.configured).map((placement) => ({
    placement,
    done: watch(placement),
  }))
  // What is known from profile and operator is enough to begin with.
  const awaited = first.filter(({ placement }) => needsProbe(placement.store))
  const patience = new Promise<void>((resolve) => {
    timers.add(setTimeout(resolve, awaited.length === 0 ? 0 : startWaitMs))
  })
  return {
    settled: Promise.race([Promise.all(awaited.map(({ done }) => done)).then(() => {}), patience]),
    reconfigured() {
      if (stopped) return
      const placements = probePlacements(context.storeTruth.configured)
      const names = new Set(placements.map(nameOf))
      for (const [name, watched] of all) {
        if (names.has(name)) continue
        watched.isOver = true
        all.delete(name)
      }
      for (const placement of placements) {
        const watched = all.get(nameOf(placement))
        if (watched !== undefined && isLookedAtAlike(watched.placement, placement)) {
          watched.placement = placement
        } else {
          if (watched !== undefined) watched.isOver = true
          const { store, bucket } = placement
          void watch(placement, context.storeTruth.reportOf(store.name, bucket))
        }
      }
    },
    async stop(hurry) {
      stopped = true
      for (const timer of timers) clearTimeout(timer)
      await context.probes.stop(hurry)
      await Promise.race([Promise.all(work), hurry ?? new Promise(() => {})])
    },
  }
}

/**
 * The same once, where nothing goes on by itself: adopts what others have seen of every store in use; with
 * `probes`, probes what nobody has, or too long ago. The log is told of what fails.
 */
export async function refreshStoreTruth(
  context: GatewayContext,
  { probes }: { readonly probes: boolean },
): Promise<void> {
  const looks = probePlacements(context.storeTruth.configured).map(async (placement) => {
    const watched: Watched = { placement, outdated: undefined, isOver: false }
    const often = { refreshMs: REFRESH_MS, otherServerMs: OTHER_SERVER_MS }
    try {
      await (probes ? lookOnce(context, watched, often) : newestReport(context, watched))
    } catch (error) {
      const { store, bucket } = placement
      context.log.warn('store.probe_failed', { store: store.name, bucket, error })
    }
  })
  await Promise.all(looks)
}

function nameOf({ store, bucket }: Placement): string {
  return `${store.name}/${bucket}`
}

/** Adopts or makes a report where one is due. Answers when to look again, in milliseconds. */
async function lookOnce(
  context: GatewayContext,
  watched: Watched,
  { refreshMs, otherServerMs }: { readonly refreshMs: number; readonly otherServerMs: number },
): Promise<number> {
  const { placement } = watched
  const stillCounts = (report: ProbeReport) =>
    isFresh(report, context.clock.nowMs()) && !isOutdated(context, report, otherServerMs)
  const known = await newestReport(context, watched)
  if (known !== undefined && stillCounts(known)) return untilDue(context, known, refreshMs)
  if (placement.store.probe === 'manual') return refreshMs
  const giveBack = await leaseProbe(context, placement).catch(() => noLease)
  if (giveBack === undefined) return REFRESH_SOON_MS
  try {
    // The gateway that had the lease until now may have seen it all.
    const newest = await newestReport(context, watched)
    if (newest !== undefined && stillCounts(newest)) return untilDue(context, newest, refreshMs)
    const resume = await unfinishedReport(context, placement).catch(() => undefined)
    const report = await probeNow(context, placement, resume === undefined ? {} : { resume })
    return report.complete ? refreshMs : INCOMPLETE_PAUSE_MS
  } finally {
    await giveBack().catch(() => {})
  }
}

/**
 * Whether the store calls itself something else by now: one that was updated is another one. Only after
 * a while, so that answers by way of several servers do not make a probe of every look.
 */
function isOutdated(
  { clock, storeHealth }: GatewayContext,
  report: ProbeReport,
  otherServerMs: number,
): boolean {
  const server = storeHealth.serverOf(report.store)
  if (server === undefined || server === (report.server ?? '')) return false
  return clock.nowMs() - Date.parse(report.endedAt) >= otherServerMs
}

/** Without a state store there is nobody to share with: then each gateway looks for itself. */
async function noLease(): Promise<void> {}

/** What is known of a store's bucket: what is kept, if it is news, else what this gateway has seen. */
async function newestReport(
  context: GatewayContext,
  { placement, outdated }: Watched,
): Promise<ProbeReport | undefined> {
  const { storeTruth, log } = context
  const { store, bucket } = placement
  const latest = storeTruth.reportOf(store.name, bucket)
  const own = latest === outdated ? undefined : latest
  const kept = await keptReport(context, placement).catch((error: unknown) => {
    log.warn('store.probe_not_read', { store: store.name, bucket, error })
    return undefined
  })
  if (kept === undefined || !isNewer(kept, own)) return own
  if (adoptIfCurrent(context, placement, kept)) tellTroubles(context, placement)
  return kept
}

/** What this gateway saw last stays, also where it could not be kept and an older one was. */
function isNewer(kept: ProbeReport, own: ProbeReport | undefined): boolean {
  return own === undefined || Date.parse(kept.endedAt) > Date.parse(own.endedAt)
}

function untilDue({ clock }: GatewayContext, { endedAt }: ProbeReport, refreshMs: number): number {
  const leftMs = Date.parse(endedAt) + GOOD_FOR_MS - clock.nowMs()
  return Math.min(refreshMs, Math.max(0, leftMs))
}
