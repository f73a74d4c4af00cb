import type { ProbeReport } from '../stores/probe-report.ts'
import type { Placement } from '../stores/store.ts'
import type { GatewayContext } from './context.ts'
import { leaseProbe } from './probe/lease.ts'
import { probeNow } from './probe/now.ts'
import { GOOD_FOR_MS, isFresh, RESUMED_WITHIN_MS, readRecord } from './probe/record.ts'
import { needsProbe, probePlacements } from './store-truth.ts'
import { tellTroubles } from './what-is-signed.ts'

const FIRST_PAUSE_MS = 5_000
const MAX_PAUSE_MS = 300_000
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
  stop(): Promise<void>
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
  const stopping = new AbortController()
  const timers = new Set<ReturnType<typeof setTimeout>>()
  const work = new Set<Promise<void>>()
  const placements = probePlacements(context.storeTruth.configured)
  const how = { signal: stopping.signal, otherServerMs }

  function later(restMs: number, run: () => Promise<void>): void {
    if (stopping.signal.aborted) return
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
    const nextMs = await lookOnce(context, placement, how).catch((error: unknown) => {
      const { store, bucket } = placement
      if (!stopping.signal.aborted) {
        context.log.warn('store.probe_failed', { store: store.name, bucket, error })
      }
      return undefined
    })
    if (nextMs !== REFRESH_SOON_MS) done()
    const nextPauseMs = nextMs === undefined ? Math.min(MAX_PAUSE_MS, pauseMs * 2) : FIRST_PAUSE_MS
    later(nextMs === undefined ? pauseMs : Math.min(refreshMs, nextMs), () =>
      look(placement, nextPauseMs, done),
    )
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
    async stop() {
      stopping.abort()
      for (const timer of timers) clearTimeout(timer)
      await Promise.all(work)
    },
  }
}

/** Adopts or makes a report where one is due. Answers when to look again, in milliseconds. */
async function lookOnce(
  context: GatewayContext,
  placement: Placement,
  { signal, otherServerMs }: { readonly signal: AbortSignal; readonly otherServerMs: number },
): Promise<number> {
  const stillCounts = (report: ProbeReport) =>
    isFresh(report, context.clock.nowMs()) && !isOutdated(context, report, otherServerMs)
  const known = await adoptKept(context, placement)
  if (known !== undefined && stillCounts(known)) return untilDue(context, known)
  if (placement.store.probe === 'manual') return REFRESH_MS
  const giveBack = await leaseProbe(context, placement).catch(() => noLease)
  if (giveBack === undefined) return REFRESH_SOON_MS
  try {
    // The gateway that had the lease until now may have seen it all.
    const newest = await adoptKept(context, placement)
    if (newest !== undefined && stillCounts(newest)) return untilDue(context, newest)
    const resume =
      newest !== undefined && isCutOff(newest, context.clock.nowMs()) ? { resume: newest } : {}
    const report = await probeNow(context, placement, { ...resume, signal })
    tellTroubles(context, placement)
    return report.complete ? REFRESH_MS : MAX_PAUSE_MS
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

/** Goes by what is kept of a store's bucket, if it is news; the last report where nobody can tell. */
async function adoptKept(
  context: GatewayContext,
  placement: Placement,
): Promise<ProbeReport | undefined> {
  const { storeTruth, log } = context
  const { store, bucket } = placement
  try {
    const kept = await readRecord(context, placement)
    if (kept !== undefined) adoptNewer(context, placement, kept)
    return kept
  } catch (error) {
    log.warn('store.probe_not_read', { store: store.name, bucket, error })
    return storeTruth.reportOf(store.name, bucket)
  }
}

function adoptNewer(context: GatewayContext, placement: Placement, report: ProbeReport): void {
  const { store, bucket } = placement
  const adopted = context.storeTruth.reportOf(store.name, bucket)
  const isSame =
    adopted?.endedAt === report.endedAt &&
    adopted.requests === report.requests &&
    adopted.complete === report.complete
  if (isSame) return
  context.storeTruth.adopt(report)
  tellTroubles(context, placement)
}

function untilDue({ clock }: GatewayContext, { endedAt }: ProbeReport): number {
  const leftMs = Date.parse(endedAt) + GOOD_FOR_MS - clock.nowMs()
  return Math.min(REFRESH_MS, Math.max(0, leftMs))
}

function isCutOff({ complete, endedAt }: ProbeReport, nowMs: number): boolean {
  const ageMs = nowMs - Date.parse(endedAt)
  return !complete && ageMs >= 0 && ageMs < RESUMED_WITHIN_MS
}
