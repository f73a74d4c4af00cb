import { toTimestamp } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import { isReservedKey } from '../../stores/reserved-keys.ts'
import type { Placement } from '../../stores/store.ts'
import { type AskedBy, recordOrLog } from '../audit-events.ts'
import type { GatewayContext } from '../context.ts'
import { namesOf } from '../ledger-report.ts'
import { placementsOf } from '../stored-sums.ts'
import { isOpen, isRepaired, type ReconcileFinding } from './finding.ts'
import { type ReconciledObject, reconcileObject } from './object.ts'
import { type RepairLease, takeRepairLease } from './repair-lease.ts'
import {
  counting,
  giveUpRun,
  type HeldRun,
  keepRun,
  leaveRun,
  type ReconcileCounts,
  type ReconcileRun,
  startRun,
  takeRun,
  unfinishedRun,
} from './run.ts'
import { addPage, removeSums } from './sums.ts'
import { reconcileTotals } from './totals.ts'

export interface ReconcileRequest {
  /** The run to go on with; without one a run is begun. */
  readonly run?: string
  /** Go on with the youngest unfinished run of the last day that was begun likewise, if any. */
  readonly resume?: boolean
  /** Of a new run: one bucket alone; then stored totals are not compared. */
  readonly bucket?: string
  /** Of a new run: put right what can be. Default false. */
  readonly repair?: boolean
  /** Begin a run: places of earlier ones that are not configured any more are empty for good. */
  readonly forget?: boolean
  /** Objects of one step, 1 to 1,000. Default 500. */
  readonly limit?: number
  readonly askedBy?: AskedBy
  /** Asked between objects: true ends the step with `Overloaded`, and it may be made again. */
  readonly isStopped?: () => boolean
}

/** What one step has found, and how far the run has come. */
export interface ReconcileStep {
  readonly run: ReconcileRun
  /** Of this step. */
  readonly findings: readonly ReconcileFinding[]
}

const DEFAULT_LIMIT = 500
const LOOKS_AT_ONCE = 16
/** One step goes on comparing totals for so long, in milliseconds, or until it has found so many. */
const TOTALS_MS = 5_000
const MAX_FINDINGS = 256

/**
 * One step of comparing stores and ledger: a page of a listing, or some stored totals once all pages are
 * through. How far it came is kept for all gateways, so that any of them makes the next step, also after
 * a crash in the middle of one: a step may be made again. Safe beside traffic. Throws `InvalidRequest`,
 * `StoreUnavailable`, `LedgerUnavailable`; `Overloaded` beside another call for the same run, and when it
 * is stopped.
 */
export async function reconcile(
  context: GatewayContext,
  request: ReconcileRequest,
): Promise<ReconcileStep> {
  const held = await takeRun(context, request.run ?? (await chosenRun(context, request)).id)
  if (held.run.stage === 'done') return { run: held.run, findings: [] }
  let step: ReconcileStep
  try {
    step =
      held.run.stage === 'objects'
        ? await listPage(context, held, request)
        : await compareTotals(context, held, request)
    const counts = counting(kindsIn(step), {
      repaired: step.findings.filter(isRepaired).length,
      open: step.findings.filter(isOpen).length,
    })
    step = { ...step, run: { ...step.run, counts } }
    await leaveRun(context, held, step.run)
  } catch (error) {
    await giveUpRun(context, held)
    throw error
  }
  context.telemetry.reconciled(step.findings)
  if (step.run.stage === 'done') await finish(context, step.run, request.askedBy)
  return step
}

function chosenRun(
  context: GatewayContext,
  { resume, bucket, repair = false, forget = false }: ReconcileRequest,
): Promise<ReconcileRun> {
  const how = { repair, ...(bucket !== undefined && { bucket }) }
  const begin = () => startRun(context, { ...how, forget })
  if (resume !== true || forget) return begin()
  return unfinishedRun(context, how).then((run) => run ?? begin())
}

/** Throws `Overloaded` when nobody waits any more, or the gateway is about to stop. */
function goOn({ isStopped }: ReconcileRequest): void {
  if (isStopped?.() !== true) return
  throw new GatewayError('Overloaded', 'Cannot reconcile: it was stopped in the middle of a step')
}

async function listPage(
  context: GatewayContext,
  held: HeldRun,
  request: ReconcileRequest,
): Promise<ReconcileStep> {
  const { run } = held
  const placement = placementsOf(context.config, run.bucket)[run.at]
  if (placement === undefined) return { run: nextStage(run), findings: [] }
  const page = await context.storeClient.list(placement, {
    prefix: '',
    limit: request.limit ?? DEFAULT_LIMIT,
    background: true,
    ...(run.after !== undefined && { after: run.after }),
  })
  const keys = page.objects.map(({ key }) => key).filter((key) => !isReservedKey(key))
  const objects = await lookAtAll(context, placement, { keys, request, held })
  const counted = objects.flatMap((each) => each.counted ?? [])
  await keepRun(context, held)
  const depth = await addPage(context, held, counted)
  const number = (what: ReconciledObject['what']) =>
    objects.filter((each) => each.what === what).length
  const counts = counting(run.counts, {
    objects: keys.length - number('gone'),
    counted: counted.length,
    foreign: number('foreign'),
  })
  const versioned = new Set(run.versioned)
  if (objects.some((each) => each.versioned)) versioned.add(run.at)
  const { after: _, ...more } = run
  const at = page.next === undefined ? run.at + 1 : run.at
  const next: ReconcileRun = {
    ...more,
    ...(page.next !== undefined && { after: page.next }),
    ...((run.unverified || number('unverified') > 0) && { unverified: true }),
    ...{ at, counts, depth, versioned: [...versioned], pages: run.pages + 1 },
  }
  const isLast = at >= run.places.length
  return {
    run: isLast ? nextStage(next) : next,
    findings: objects.flatMap((each) => each.finding ?? []),
  }
}

async function lookAtAll(
  context: GatewayContext,
  placement: Placement,
  {
    keys,
    held,
    request,
  }: {
    readonly keys: readonly string[]
    readonly held: HeldRun
    readonly request: ReconcileRequest
  },
): Promise<ReconciledObject[]> {
  const { repair } = held.run
  const objects: ReconciledObject[] = []
  for (let first = 0; first < keys.length; first += LOOKS_AT_ONCE) {
    await keepRun(context, held)
    const some = keys.slice(first, first + LOOKS_AT_ONCE)
    const looks = some.map(async (key) => {
      goOn(request)
      return reconcileObject(context, placement, { key, repair })
    })
    objects.push(...(await Promise.all(looks)))
  }
  return objects
}

/** A run of one bucket has not seen what else is in a total. */
function nextStage(run: ReconcileRun): ReconcileRun {
  return { ...run, stage: run.bucket === undefined ? 'totals' : 'done', at: 0 }
}

async function compareTotals(
  context: GatewayContext,
  held: HeldRun,
  request: ReconcileRequest,
): Promise<ReconcileStep> {
  const { run } = held
  const lease = run.repair ? await takeRepairLease(context, run.id) : undefined
  try {
    return await compareInTurn(context, held, { request, lease })
  } finally {
    await lease?.giveBack()
  }
}

async function compareInTurn(
  context: GatewayContext,
  held: HeldRun,
  { request, lease }: { request: ReconcileRequest; lease: RepairLease | undefined },
): Promise<ReconcileStep> {
  const { run } = held
  const keep = async () => {
    goOn(request)
    await keepRun(context, held)
    await lease?.renew()
  }
  const untilMs = context.clock.nowMs() + TOTALS_MS
  const nameOf = namesOf(context)
  const findings: ReconcileFinding[] = []
  const { partitions } = context.ledger
  const { askedBy } = request
  let { at } = run
  do {
    await keep()
    const how = { partition: at, fresh: at === run.at, askedBy, goOn: keep, nameOf }
    const { totals, gone } = await reconcileTotals(context, run, how)
    findings.push(...gone, ...totals)
    at += 1
  } while (at < partitions && findings.length < MAX_FINDINGS && context.clock.nowMs() < untilMs)
  return { run: { ...run, at, stage: at < partitions ? 'totals' : 'done' }, findings }
}

function kindsIn({ run, findings }: ReconcileStep): ReconcileCounts {
  return findings.reduce((counts, { kind }) => counting(counts, { [kind]: 1 }), run.counts)
}

async function finish(
  context: GatewayContext,
  { id, bucket, repair, counts }: ReconcileRun,
  askedBy: AskedBy = {},
): Promise<void> {
  context.log.info('reconcile.finished', { run: id, repair, ...counts })
  await recordOrLog(context, {
    event: 'ledger.reconciled',
    at: toTimestamp(context.clock.nowMs()),
    ...askedBy,
    ...(bucket !== undefined && { bucket }),
    reconciled: { run: id, ...counts },
  })
  // What is left of the sums when this fails goes with the run, a week later.
  await removeSums(context, id).catch((error: unknown) => {
    context.log.warn('reconcile.sums_left', { run: id, error })
  })
}
