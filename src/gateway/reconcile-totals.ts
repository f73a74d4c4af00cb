import { GatewayError } from '../errors.ts'
import { adjustUsage } from './adjust-usage.ts'
import type { GatewayContext } from './context.ts'
import { namesOf } from './ledger-report.ts'
import type { ReconcileAction, TotalFinding } from './reconcile-finding.ts'
import { findGone, type GoneObjects } from './reconcile-gone.ts'
import type { ReconcileRun } from './reconcile-run.ts'
import { sumsOf } from './reconcile-sums.ts'
import { touchedSince } from './reconcile-touched.ts'
import { totalName } from './stored-sums.ts'

const HOUR_MS = 3_600_000
/**
 * What lies this long before a run counts as part of it: clocks of gateways that date what they post,
 * and calls that had begun.
 */
export const BEFORE_RUN_MS = 300_000
/** What is remembered must reach back to the beginning of the run, and a little further. */
const FORGETTING_MARGIN_MS = HOUR_MS / 2

/** What a partition's totals came to. */
export interface ReconciledTotals {
  readonly totals: readonly TotalFinding[]
  readonly gone: GoneObjects['findings']
}

/**
 * Compares the stored totals of a partition with the sums of a run, and with `repair` puts right what
 * differs, where that is certain. Exact accounting is never made wrong by it, whatever happens meanwhile:
 *
 * 1. The posted amounts are read first, and then all that may have been posted since before the run began
 *    (`touchedSince`). A total that nothing was posted to is the same from before the first object was
 *    listed until it was read, and so is the set of objects that it is for: what counts changes only by
 *    what is posted. None of them was in the middle of a deletion either, for that is pending first.
 *    An upload that was settled before its object was listed is posted and counted, and changes neither.
 * 2. So each of those objects was there when its page was listed, or it was removed past Signet; and no
 *    other one was counted. The difference is drift, and nothing that is under way.
 * 3. Traffic that comes later posts what it changes, exactly. The drift stays what it is, and the
 *    adjustment adds it, under an id of this run, subject and policy, which counts once.
 *
 * A credit for an object that is gone past Signet could still come, by a late event that carries its
 * ticket: the credits of all that was settled lately are used up before (`findGone`).
 */
export async function reconcileTotals(
  context: GatewayContext,
  run: ReconcileRun,
  {
    partition,
    fresh,
    requestId,
  }: {
    readonly partition: number
    /** As of `AuditRequest`. */
    readonly fresh: boolean
    readonly requestId: string | undefined
  },
): Promise<ReconciledTotals> {
  const look = { partition, repair: false }
  const { totals } = await context.ledger.audit(fresh ? { ...look, fresh } : look)
  const differing = differencesOf(totals, await sumsOf(context, run, partition))
  if (differing.length === 0) return { totals: [], gone: [] }
  const nameOf = namesOf(context)
  const isBusy = await busyIn(context, run, partition, nameOf)
  const named = differing.map((each) => ({ ...each, ...nameOf(each) }))
  const lower = named.filter((each) => each.found < each.posted && !isBusy(each.subject))
  const found = await findGone(context, lower, { partition, repair: run.repair })
  const versioned = run.versioned === true || found.versioned
  const findings: TotalFinding[] = []
  for (const each of named) {
    const waits = isBusy(each.subject) || found.waiting.has(each.subject)
    const keeps = versioned && each.found < each.posted
    const action = waits
      ? 'busy'
      : keeps
        ? 'versioned'
        : await putRight(context, run, each, requestId)
    findings.push({ kind: 'total', action, ...each })
  }
  return { totals: findings, gone: found.findings }
}

type Difference = Omit<TotalFinding, 'kind' | 'action'>

function differencesOf(
  totals: readonly {
    readonly subject: string
    readonly limitId: number
    readonly posted: number
  }[],
  sums: Awaited<ReturnType<typeof sumsOf>>,
): Difference[] {
  const left = new Map(sums)
  const all = totals.map(({ subject, limitId, posted }) => {
    const name = totalName({ subject, limitId })
    const found = left.get(name)?.amount ?? 0
    left.delete(name)
    return { subject, limitId, posted, found }
  })
  for (const { subject, limitId, amount } of left.values()) {
    all.push({ subject, limitId, posted: 0, found: amount })
  }
  return all.filter(({ posted, found }) => posted !== found)
}

/** All are busy where the ledger cannot tell: a run that took too long, or a walk that would. */
async function busyIn(
  context: GatewayContext,
  { startedMs, recent = [] }: ReconcileRun,
  partition: number,
  nameOf: ReturnType<typeof namesOf>,
): Promise<(subject: string) => boolean> {
  const sinceMs = startedMs - BEFORE_RUN_MS
  const rememberedMs = context.config.ledger.retentionHours * HOUR_MS - FORGETTING_MARGIN_MS
  if (context.ledgerTime.nowMs() - sinceMs > rememberedMs) return () => true
  try {
    return await touchedSince(context, { partition, sinceMs, seen: new Set(recent), nameOf })
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'Overloaded') throw error
    context.log.warn('reconcile.not_told', { partition, error })
    return () => true
  }
}

async function putRight(
  context: GatewayContext,
  run: ReconcileRun,
  { subject, limitId, tenant, user, policy, posted, found }: Difference,
  requestId: string | undefined,
): Promise<ReconcileAction> {
  if (tenant === undefined || policy === undefined) return 'unnamed'
  if (!run.repair) return 'open'
  const wanted = {
    id: `reconcile:${run.id}:${subject}:${limitId}`,
    tenant,
    ...(user !== undefined && { user }),
    policy,
    delta: found - posted,
    reason: `reconciled: the stores hold ${found} and the ledger counted ${posted}`,
  }
  try {
    await adjustUsage(context, wanted, requestId)
    return 'adjusted'
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    if (error.code === 'IdempotencyMismatch') return 'busy'
    if (error.code !== 'InvalidRequest') throw error
    // The policy is in the plan of somebody else.
    if (error.details.fields?.[0]?.path !== 'delta') return 'unnamed'
    context.log.warn('reconcile.failed', { tenant, policy, error })
    return 'failed'
  }
}
