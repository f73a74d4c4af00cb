import type { ProbeReport } from '../stores/probe-report.ts'
import type { Placement } from '../stores/store.ts'
import type { GatewayContext } from './context.ts'
import { leaseProbe } from './probe/lease.ts'
import { probeNow } from './probe/now.ts'
import { GOOD_FOR_MS, isFresh, keptReport, unfinishedReport } from './probe/record.ts'
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
  /** Ends probes, waits until they have cleaned up behind themselves, or until `hurry`. */
  stop(hurry?: Promise<unknown>): Promise<void>
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
  const placements = probePlacements(context.storeTruth.configured)

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
  async function look(placement: Placement, pauseMs: number, done: () => void): Promise<void> {
    const nextMs = await lookOnce(context, placement, { refreshMs, otherServerMs }).catch(
      (error: unknown) => {
        const { store, bucket } = placement
        if (!stopped) {
          context.log.warn('store.probe_failed', { store: store.name, bucket, error })
        }
        return undefined
      },
    )
    if (nextMs !== REFRESH_SOON_MS) done()
    const nextPauseMs = nextMs === undefined ? Math.min(MAX_PAUSE_MS, pauseMs * 2) : FIRST_PAUSE_MS
    later(nextMs ?? pauseMs, () => look(placement, nextPauseMs, done))
  }

  const first = placements.map((placement) => ({
    placement,
    done: new Promise<void>((resolve) => {
      void begin(() => look(placement, FIRST_PAUSE_MS, resolve))
    }),
  }))
  // What is known from profile and operator is enough to begin with.
  const awaited = first.filter(({ placement }) => needsProbe(placement.store))
  const patience = new Promise<void>((resolve) => {
    timers.add(setTimeout(resolve, awaited.length === 0 ? 0 : startWaitMs))
  })
  return {
    settled: Promise.race([Promise.all(awaited.map(({ done }) => done)).then(() => {}), patience]),
    async stop(hurry) {
      stopped = true
      for (const timer of timers) clearTimeout(timer)
      await context.probes.stop(hurry)
      await Promise.race([Promise.all(work), hurry ?? new Promise(() => {})])
    },
  }
}

/** Adopts or makes a report where one is due. Answers when to look again, in milliseconds. */
async function lookOnce(
  context: GatewayContext,
  placement: Placement,
  { refreshMs, otherServerMs }: { readonly refreshMs: number; readonly otherServerMs: number },
): Promise<number> {
  const stillCounts = (report: ProbeReport) =>
    isFresh(report, context.clock.nowMs()) && !isOutdated(context, report, otherServerMs)
  const known = await newestReport(context, placement)
  if (known !== undefined && stillCounts(known)) return untilDue(context, known, refreshMs)
  if (placement.store.probe === 'manual') return refreshMs
  const giveBack = await leaseProbe(context, placement).catch(() => noLease)
  if (giveBack === undefined) return REFRESH_SOON_MS
  try {
    // The gateway that had the lease until now may have seen it all.
    const newest = await newestReport(context, placement)
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
  placement: Placement,
): Promise<ProbeReport | undefined> {
  const { storeTruth, log } = context
  const { store, bucket } = placement
  const own = storeTruth.reportOf(store.name, bucket)
  const kept = await keptReport(context, placement).catch((error: unknown) => {
    log.warn('store.probe_not_read', { store: store.name, bucket, error })
    return undefined
  })
  if (kept === undefined || !isNewer(kept, own)) return own
  storeTruth.adopt(kept)
  tellTroubles(context, placement)
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
