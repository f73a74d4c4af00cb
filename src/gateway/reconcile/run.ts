import { GatewayError } from '../../errors.ts'
import type { GatewayContext } from '../context.ts'
import { newUuid } from '../ids.ts'
import { placementsOf } from '../stored-sums.ts'
import type { ReconcileKind } from './finding.ts'
import { rememberPlaces } from './places.ts'
import { overtaken, removeSums } from './sums.ts'

/** How often something was met in a run so far. */
export type ReconcileCounts = Readonly<Record<ReconcileKind, number>> & {
  /** Listed. */
  readonly objects: number
  /** That count in stored totals. */
  readonly counted: number
  /** Without a ticket, or under a key that Signet would not sign: none of ours. */
  readonly foreign: number
  /** Findings that were put right, and those that were not. */
  readonly repaired: number
  readonly open: number
}

/** How far a comparison of stores and ledger has come: all that another gateway needs to go on. */
export interface ReconcileRun {
  readonly id: string
  /** By the ledger's clock. */
  readonly startedMs: number
  /** Absent: all of them. Stored totals are compared only then. */
  readonly bucket?: string
  readonly repair: boolean
  /** What is listed, in this order: store, its bucket, prefix. */
  readonly places: readonly (readonly [store: string, bucket: string, prefix: string])[]
  readonly stage: 'objects' | 'totals' | 'done'
  /** The place that is being listed, or the partition that is being compared. */
  readonly at: number
  /** The store's token for the next page. */
  readonly after?: string
  /** Pages whose objects are in the sums. */
  readonly pages: number
  /** How often it was taken for a step; and those times that were cut off: what they added is nothing. */
  readonly attempt: number
  readonly lost: readonly number[]
  /** Characters of a subject's digest that tell which document its sums are in. */
  readonly depth: number
  /** Places with objects that have versions: what is deleted or replaced there stays, and stays charged. */
  readonly versioned: readonly number[]
  /** Places of earlier runs that are not listed now: what lies there is not in the sums. */
  readonly missing?: ReconcileRun['places']
  /** Objects were met whose ticket nobody can read now: they are not in the sums. */
  readonly unverified?: true
  readonly counts: ReconcileCounts
  /** Somebody works at it until then; 0: a step was begun and given up. */
  readonly leaseMs?: number
}

/** A run that nobody else works at. */
export interface HeldRun {
  readonly run: ReconcileRun
  version: number
  /** By the ledger's clock. */
  leaseMs: number
  /** Something of the step may be in the sums. */
  dirty: boolean
}

const KIND = 'reconcile'
/** How long one step may take before another gateway may take it over, in milliseconds. */
const LEASE_MS = 120_000
const DAY_MS = 86_400_000
/** How long the end of a run can be read, in milliseconds, and of how many runs. */
const KEPT_MS = 7 * DAY_MS
const MAX_KEPT = 100
/** Old runs that one which begins removes, so that it does begin. */
const MAX_REMOVED = 50
/** Runs of one read. */
const PAGE = 100

const NONE: ReconcileCounts = {
  ...{ objects: 0, counted: 0, foreign: 0, repaired: 0, open: 0 },
  ...{
    forged: 0,
    unverified: 0,
    unsettled: 0,
    late: 0,
    condemned: 0,
    resized: 0,
    lost: 0,
    gone: 0,
    total: 0,
  },
}

/** Begins a run, and forgets old ones. Throws `InvalidRequest` for a bucket that is not configured. */
export async function startRun(
  context: GatewayContext,
  {
    bucket,
    repair,
    forget = false,
  }: { readonly bucket?: string; readonly repair: boolean; readonly forget?: boolean },
): Promise<ReconcileRun> {
  if (bucket !== undefined && !context.config.buckets.has(bucket)) {
    throw invalid('bucket', 'is not configured')
  }
  const startedMs = Math.floor(context.ledgerTime.nowMs())
  await removeOld(context, startedMs).catch((error: unknown) => {
    context.log.warn('reconcile.runs_left', { error })
  })
  const places = placesNow(context, bucket)
  const missing = bucket === undefined ? await rememberPlaces(context, places, { forget }) : []
  if (missing.length > 0)
    context.log.warn('reconcile.places_missing', { places: missing.join(' ') })
  const run: ReconcileRun = {
    // By time, so that runs are listed in the order in which they began.
    id: `${startedMs.toString(36)}-${newUuid(context.random)}`,
    startedMs,
    ...(bucket !== undefined && { bucket }),
    repair,
    places,
    ...(missing.length > 0 && { missing }),
    stage: 'objects',
    at: 0,
    pages: 0,
    attempt: 0,
    lost: [],
    depth: 1,
    versioned: [],
    counts: NONE,
  }
  await context.state.put({ name: nameOf(run.id), value: JSON.stringify(run), ifVersion: 0 })
  return run
}

/** Old ones, and all beyond some: but none that can still be gone on with. */
async function removeOld(context: GatewayContext, nowMs: number): Promise<void> {
  const old: string[] = []
  let kept: { readonly name: string; readonly run: ReconcileRun }[] = []
  for await (const stored of allRuns(context)) {
    kept.push(stored)
    const [oldest] = kept
    if (oldest === undefined || kept.length <= MAX_KEPT) continue
    kept = kept.slice(1)
    if (oldest.run.stage === 'done' || nowMs - oldest.run.startedMs >= DAY_MS) old.push(oldest.name)
  }
  old.push(...kept.flatMap(({ name, run }) => (nowMs - run.startedMs < KEPT_MS ? [] : [name])))
  for (const name of old.slice(0, MAX_REMOVED)) {
    await removeSums(context, name.slice(KIND.length + 1))
    await context.state.remove(name)
  }
}

/** The run to go on with: the youngest of the last day that has not ended and was begun likewise. */
export async function unfinishedRun(
  context: GatewayContext,
  { bucket, repair }: { readonly bucket?: string; readonly repair: boolean },
): Promise<ReconcileRun | undefined> {
  const nowMs = context.ledgerTime.nowMs()
  const places = JSON.stringify(placesNow(context, bucket))
  let youngest: ReconcileRun | undefined
  for await (const { run } of allRuns(context)) {
    const isOpen = run.stage !== 'done' && nowMs - run.startedMs < DAY_MS
    const isLike = run.bucket === bucket && run.repair === repair
    if (isOpen && isLike && JSON.stringify(run.places) === places) youngest = run
  }
  return youngest
}

/**
 * Takes a run for one step. Throws `InvalidRequest` for one that is not there or whose buckets lie
 * elsewhere by now, `Overloaded` while another call works at it.
 */
export async function takeRun(context: GatewayContext, id: string): Promise<HeldRun> {
  const found = isRunId(id) ? await context.state.get(nameOf(id)) : undefined
  if (found === undefined) throw invalid('run', 'is no run that is remembered')
  const run = JSON.parse(found.value) as ReconcileRun
  if (run.stage === 'done') return { run, version: found.version, leaseMs: 0, dirty: false }
  if (JSON.stringify(run.places) !== JSON.stringify(placesNow(context, run.bucket))) {
    throw invalid('run', 'began when buckets lay elsewhere: begin another one')
  }
  const nowMs = context.ledgerTime.nowMs()
  if (run.leaseMs !== undefined && nowMs < run.leaseMs) throw overtaken()
  const { leaseMs: cutOff, ...before } = run
  const lost = cutOff === undefined ? run.lost : [...run.lost, run.attempt]
  const taken = { ...before, attempt: run.attempt + 1, lost }
  const leaseMs = nowMs + LEASE_MS
  const version = await write(context, { ...taken, leaseMs }, found.version)
  return { run: taken, version, leaseMs, dirty: false }
}

/**
 * Sees to it, in a long step, that no other call takes the run. Throws `Overloaded` when one has.
 */
export async function keepRun(context: GatewayContext, held: HeldRun): Promise<void> {
  const nowMs = context.ledgerTime.nowMs()
  if (nowMs < held.leaseMs - LEASE_MS / 2) return
  const leaseMs = nowMs + LEASE_MS
  held.version = await write(context, { ...held.run, leaseMs }, held.version)
  held.leaseMs = leaseMs
}

/** Ends a step with the run as it stands then. Throws `Overloaded` when another call has taken over. */
export async function leaveRun(
  context: GatewayContext,
  { version }: HeldRun,
  { leaseMs: _, ...run }: ReconcileRun,
): Promise<void> {
  await write(context, run, version)
}

/** Gives a step up: the run may be taken at once. Never throws, as a lease ends by itself. */
export async function giveUpRun(
  context: GatewayContext,
  { run, version, dirty }: HeldRun,
): Promise<void> {
  const left = dirty ? { ...run, leaseMs: 0 } : run
  await write(context, left, version).catch((error: unknown) => {
    context.log.warn('reconcile.lease_left', { run: run.id, error })
  })
}

/** Counts, with some more. */
export function counting(counts: ReconcileCounts, more: Partial<ReconcileCounts>): ReconcileCounts {
  const added = Object.entries(more).map(([name, count]) => [
    name,
    counts[name as keyof ReconcileCounts] + (count ?? 0),
  ])
  return { ...counts, ...Object.fromEntries(added) }
}

async function write(
  context: GatewayContext,
  run: ReconcileRun,
  ifVersion: number,
): Promise<number> {
  const value = JSON.stringify(run)
  const version = await context.state.put({ name: nameOf(run.id), value, ifVersion })
  if (version === undefined) throw overtaken()
  return version
}

/** The oldest first. */
async function* allRuns(
  context: GatewayContext,
): AsyncGenerator<{ readonly name: string; readonly run: ReconcileRun }> {
  let after = `${KIND}/`
  for (;;) {
    const page = await context.state.list({ kind: KIND, after, limit: PAGE })
    for (const { name, value } of page) yield { name, run: JSON.parse(value) as ReconcileRun }
    if (page.length < PAGE) return
    after = page.at(-1)?.name ?? after
  }
}

function placesNow(context: GatewayContext, bucket: string | undefined): ReconcileRun['places'] {
  return placementsOf(context.config, bucket).map(
    ({ store, bucket: name, prefix }) => [store.name, name, prefix] as const,
  )
}

function nameOf(id: string): string {
  return `${KIND}/${id}`
}

function isRunId(text: string): boolean {
  return /^[0-9a-z]{1,12}-[0-9a-f-]{36}$/.test(text)
}

function invalid(path: 'bucket' | 'run', message: string): GatewayError {
  const text = `Cannot reconcile: "${path}" ${message}`
  return new GatewayError('InvalidRequest', text, { fields: [{ path, message }] })
}
