import { GatewayError } from '../../errors.ts'
import { STORE_POLICY } from '../../limits/limit-set.ts'
import { adjustStoreRoom, adjustUsage } from '../adjust-usage.ts'
import type { AskedBy } from '../audit-events.ts'
import type { GatewayContext } from '../context.ts'
import type { namesOf } from '../ledger-report.ts'
import { totalName } from '../stored-sums.ts'
import type { ObjectFinding, ReconcileAction, TotalFinding } from './finding.ts'
import { lookAtSettled, type OpenCredit, type SettledLooks, useUp } from './gone.ts'
import { newTotals, quotasOf } from './new-totals.ts'
import { isListed } from './places.ts'
import type { ReconcileRun } from './run.ts'
import { type RunSums, sumsOf } from './sums.ts'
import { touchedSince } from './touched.ts'

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
  readonly gone: readonly ObjectFinding[]
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
 * 3. Traffic that comes later posts what it changes, exactly. The drift stays what it is, for no other run
 *    puts totals right meanwhile (`takeRepairLease`), and the adjustment adds it, under an id of this run,
 *    subject and policy, which counts once.
 *
 * A credit for an object that is gone past Signet could still come, by a late event that carries its
 * ticket: the credits of all that was settled lately are looked at (`lookAtSettled`), and used up before a
 * total that they are in is put right. A credit that somebody else has may be posted by now: that waits.
 */
export async function reconcileTotals(
  context: GatewayContext,
  run: ReconcileRun,
  {
    partition,
    fresh,
    askedBy,
    goOn,
    nameOf,
  }: {
    readonly partition: number
    /** As of `AuditRequest`. */
    readonly fresh: boolean
    readonly askedBy: AskedBy | undefined
    /** Called between looks; throws to end the step. */
    readonly goOn: () => Promise<void>
    readonly nameOf: ReturnType<typeof namesOf>
  },
): Promise<ReconciledTotals> {
  const look = { partition, repair: false }
  const { totals } = await context.ledger.audit(fresh ? { ...look, fresh } : look)
  const sums = await sumsOf(context, run, partition)
  const differing = differencesOf(totals, sums)
  const begun = newTotals(context, { totals, sums, nameOf })
  if (differing.length === 0) return { totals: begun, gone: [] }
  const sinceMs = run.startedMs - BEFORE_RUN_MS
  const isBusy = await busyIn(context, { partition, sinceMs, sums, nameOf })
  const named = differing.map((each) => ({ ...each, ...nameOf(each) }))
  const free = new Set(named.flatMap(({ subject }) => (isBusy(subject) ? [] : [subject])))
  const looks = await lookAtSettled(context, free, { partition, run, sums, sinceMs, goOn })
  const mayKeep = versionedFor(context, run, sums)
  const credits = creditsIn(context, looks)
  const findings: TotalFinding[] = []
  for (const each of named) {
    await goOn()
    const waits = isBusy(each.subject) ? 'busy' : credits.waiting.get(each.subject)
    const lowers = each.found < each.posted
    const action =
      waits ??
      (lowers && (run.unverified || run.missing !== undefined) ? 'unclear' : undefined) ??
      (lowers && mayKeep(each) ? 'versioned' : undefined) ??
      (isAdjustable(context, each) ? undefined : 'unnamed') ??
      (run.repair ? undefined : 'open') ??
      ((await credits.useUp(each.subject))
        ? await putRight(context, run, each, { partition, askedBy })
        : 'busy')
    findings.push({ kind: 'total', action, ...each })
  }
  return { totals: [...findings, ...begun], gone: credits.findings(run.repair ? 'busy' : 'open') }
}

/** Credits that are used up as far as totals are put right. */
function creditsIn(context: GatewayContext, looks: SettledLooks) {
  const waiting = new Map(looks.waiting)
  const used = new Set<OpenCredit>()
  const bySubject = new Map<string, OpenCredit[]>()
  for (const credit of looks.credits) {
    for (const subject of credit.subjects) {
      bySubject.set(subject, [...(bySubject.get(subject) ?? []), credit])
    }
  }
  return {
    waiting,
    /** Uses up all that are in a subject's totals; false: they must wait. */
    async useUp(subject: string): Promise<boolean> {
      for (const credit of bySubject.get(subject) ?? []) {
        if (used.has(credit)) continue
        if (!(await useUp(context, credit))) {
          for (const each of credit.subjects) waiting.set(each, 'busy')
          return false
        }
        used.add(credit)
      }
      return true
    },
    findings: (otherwise: ReconcileAction): ObjectFinding[] =>
      looks.credits.flatMap((credit) => {
        const { isGone, note, reservation } = credit
        const [store, bucket] = note.place
        const action = used.has(credit) ? 'counted' : otherwise
        const of = { uploadId: reservation.rid, recordedBytes: reservation.actual }
        return isGone ? [{ kind: 'gone', action, store, bucket, key: note.key, ...of }] : []
      }),
  }
}

/**
 * Whose totals may hold old versions that nobody lists: of who has objects with versions, and of every
 * tenant that may use a bucket which has some.
 */
function versionedFor(
  { config }: GatewayContext,
  { versioned, places }: ReconcileRun,
  { subjects }: Pick<RunSums, 'subjects'>,
): (total: Pick<TotalFinding, 'subject' | 'tenant'>) => boolean {
  const listed = versioned.flatMap((at) => (places[at] === undefined ? [] : [places[at]]))
  const buckets = [...config.buckets].filter(([, { placements }]) =>
    placements.some(({ store, bucket, prefix }) =>
      isListed(listed, { place: [store.name, bucket, prefix], key: '' }),
    ),
  )
  const names = new Set(buckets.map(([name]) => name))
  const tenants = new Set(
    [...config.keys.values()].flatMap(({ tenant, permissions }) =>
      permissions.some((each) => [...each.buckets].some((name) => names.has(name))) ? [tenant] : [],
    ),
  )
  return ({ subject, tenant = '' }) =>
    tenants.has(tenant) || (subjects.get(subject)?.versioned ?? 0) > 0
}

/** Whether a total is one that the configuration knows. */
function isAdjustable(
  { config }: GatewayContext,
  total: Pick<TotalFinding, 'tenant' | 'user' | 'policy' | 'store'>,
): boolean {
  if (total.store !== undefined) return total.policy === STORE_POLICY
  return quotasOf(config, total).some((quota) => quota.policy === total.policy)
}

type Difference = Omit<TotalFinding, 'kind' | 'action'>

function differencesOf(
  totals: readonly {
    readonly subject: string
    readonly limitId: number
    readonly posted: number
  }[],
  sums: Pick<RunSums, 'totals'>,
): Difference[] {
  const left = new Map(sums.totals)
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
  request: Parameters<typeof touchedSince>[1],
): Promise<(subject: string) => boolean> {
  const { partition, sinceMs } = request
  const rememberedMs = context.config.ledger.retentionHours * HOUR_MS - FORGETTING_MARGIN_MS
  if (context.ledgerTime.nowMs() - sinceMs > rememberedMs) return () => true
  try {
    return await touchedSince(context, request)
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'Overloaded') throw error
    context.log.warn('reconcile.not_told', { partition, error })
    return () => true
  }
}

async function putRight(
  context: GatewayContext,
  run: ReconcileRun,
  { subject, limitId, tenant, user, store, policy, posted, found }: Difference,
  { partition, askedBy }: { readonly partition: number; readonly askedBy: AskedBy | undefined },
): Promise<ReconcileAction> {
  if ((tenant ?? store) === undefined || policy === undefined) return 'unnamed'
  const wanted = {
    id: `reconcile:${run.id}:${subject}:${limitId}`,
    delta: found - posted,
    reason: `reconciled: the stores hold ${found} and the ledger counted ${posted}`,
  }
  try {
    if (store !== undefined) {
      await adjustStoreRoom(context, { ...wanted, store, partition }, askedBy)
    } else if (tenant !== undefined) {
      const whose = { tenant, ...(user !== undefined && { user }), policy }
      await adjustUsage(context, { ...wanted, ...whose }, askedBy)
    }
    return 'adjusted'
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    if (error.code === 'IdempotencyMismatch') return 'busy'
    if (error.code !== 'InvalidRequest') throw error
    // The policy is in the plan of somebody else.
    if (error.details.fields?.[0]?.path !== 'delta') return 'unnamed'
    context.log.warn('reconcile.failed', { tenant, store, policy, error })
    return 'failed'
  }
}
