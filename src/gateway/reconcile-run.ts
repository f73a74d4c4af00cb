import { GatewayError } from '../errors.ts'
import { MAX_DOCUMENTS } from '../state/port.ts'
import type { GatewayContext } from './context.ts'
import { newUuid } from './ids.ts'
import type { ReconcileKind } from './reconcile-finding.ts'
import { overtaken, removeSums } from './reconcile-sums.ts'
import { placementsOf } from './stored-sums.ts'

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
  /** Objects with versions were met: what is deleted or replaced stays, and stays charged. */
  readonly versioned?: true
  /** Uploads that were settled lately and are in the sums, as far as they fit: they make nobody busy. */
  readonly recent?: readonly string[]
  readonly counts: ReconcileCounts
  /** Somebody works at it until then; 0: a step was begun and given up. */
  readonly leaseMs?: number
}

/** A run that nobody else works at. */
export interface HeldRun {
  readonly run: ReconcileRun
  readonly version: number
  /** The step was begun before, and cut off: something of it may be in the sums. */
  readonly again: boolean
}

const KIND = 'reconcile'
/** How long one step may take before another gateway may take it over, in milliseconds. */
const LEASE_MS = 120_000
const DAY_MS = 86_400_000
/** How long the end of a run can be read, in milliseconds. */
const KEPT_MS = 7 * DAY_MS

const NONE: ReconcileCounts = {
  ...{ objects: 0, counted: 0, foreign: 0, repaired: 0, open: 0 },
  ...{ forged: 0, unsettled: 0, late: 0, condemned: 0, resized: 0, lost: 0, gone: 0, total: 0 },
}

/** Begins a run, and forgets old ones. Throws `InvalidRequest` for a bucket that is not configured. */
export async function startRun(
  context: GatewayContext,
  { bucket, repair }: { readonly bucket?: string; readonly repair: boolean },
): Promise<ReconcileRun> {
  if (bucket !== undefined && !context.config.buckets.has(bucket)) {
    throw invalid('bucket', 'is not configured')
  }
  const startedMs = Math.floor(context.ledgerTime.nowMs())
  for (const run of await allRuns(context)) {
    if (startedMs - run.startedMs < KEPT_MS) continue
    await removeSums(context, run.id)
    await context.state.remove(nameOf(run.id))
  }
  const run: ReconcileRun = {
    // By time, so that runs are listed in the order in which they began.
    id: `${startedMs.toString(36)}-${newUuid(context.random)}`,
    startedMs,
    ...(bucket !== undefined && { bucket }),
    repair,
    places: placesNow(context, bucket),
    stage: 'objects',
    at: 0,
    pages: 0,
    counts: NONE,
  }
  await context.state.put({ name: nameOf(run.id), value: JSON.stringify(run), ifVersion: 0 })
  return run
}

/** The run to go on with: the youngest of the last day that has not ended and was begun likewise. */
export async function unfinishedRun(
  context: GatewayContext,
  { bucket, repair }: { readonly bucket?: string; readonly repair: boolean },
): Promise<ReconcileRun | undefined> {
  const nowMs = context.ledgerTime.nowMs()
  const places = JSON.stringify(placesNow(context, bucket))
  return (await allRuns(context)).findLast(
    (run) =>
      run.stage !== 'done' &&
      run.bucket === bucket &&
      run.repair === repair &&
      nowMs - run.startedMs < DAY_MS &&
      JSON.stringify(run.places) === places,
  )
}

/**
 * Takes a run for one step. Throws `InvalidRequest` for one that is not there or whose buckets lie
 * elsewhere by now, `Overloaded` while another call works at it.
 */
export async function takeRun(context: GatewayContext, id: string): Promise<HeldRun> {
  const found = isRunId(id) ? await context.state.get(nameOf(id)) : undefined
  if (found === undefined) throw invalid('run', 'is no run that is remembered')
  const run = JSON.parse(found.value) as ReconcileRun
  if (run.stage === 'done') return { run, version: found.version, again: false }
  if (JSON.stringify(run.places) !== JSON.stringify(placesNow(context, run.bucket))) {
    throw invalid('run', 'began when buckets lay elsewhere: begin another one')
  }
  const nowMs = context.ledgerTime.nowMs()
  if (run.leaseMs !== undefined && nowMs < run.leaseMs) throw overtaken()
  const held = { ...run, leaseMs: nowMs + LEASE_MS }
  const version = await write(context, held, found.version)
  return { run, version, again: run.leaseMs !== undefined }
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
export async function giveUpRun(context: GatewayContext, { run, version }: HeldRun): Promise<void> {
  await write(context, { ...run, leaseMs: 0 }, version).catch((error: unknown) => {
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

async function allRuns(context: GatewayContext): Promise<ReconcileRun[]> {
  const documents = await context.state.list({ kind: KIND, limit: MAX_DOCUMENTS })
  return documents.map(({ value }) => JSON.parse(value) as ReconcileRun)
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
