import type { Config } from '../config/config.ts'
import { type FieldProblem, GatewayError } from '../errors.ts'
import { toBase64Url } from '../hashing.ts'
import { partitionOf } from '../ledger/partitions.ts'
import {
  KIND,
  MAX_AMOUNT,
  MAX_COUNTER,
  type ReassertCommand,
  TOTAL_WINDOW,
} from '../ledger/port.ts'
import { subjectId } from '../ledger/subject-id.ts'
import { limitId } from '../limits/limit-id.ts'
import { STORE_POLICY } from '../limits/limit-set.ts'
import type { Quota } from '../limits/plan.ts'
import type { AskedBy } from './audit-events.ts'
import type { GatewayContext } from './context.ts'
import { finishAdjustment } from './finish-adjustment.ts'
import { recovering } from './refusal.ts'
import { type AdjustNote, noteText } from './reservation-note.ts'

/** A credit or debit of one stored total, by an operator. */
export interface Adjustment {
  /** Of the operator's choice, unique within the tenant: 1 to 255 visible ASCII characters. */
  readonly id: string
  readonly tenant: string
  /** Needed for a limit that is counted per user, refused for one that is counted per tenant. */
  readonly user?: string
  readonly policy: string
  /** Bytes or objects to add: a whole number from -2^50 to 2^50, not 0. */
  readonly delta: number
  /** For the audit log. */
  readonly reason: string
}

export interface Adjusted extends Adjustment {
  readonly unit: 'stored-bytes' | 'stored-objects'
  /** True when the same adjustment had been posted before, and this call changed nothing. */
  readonly repeated: boolean
}

/** How long a sweeper leaves an adjustment to the call that made it, in milliseconds. */
const LOOK_MS = 60_000
const DIGEST_BYTES = 16
const STORED = { 'stored-bytes': KIND.stored, 'stored-objects': KIND.objects } as const

/**
 * Adds to what a stored total has posted: a reservation of nothing, settled with the delta
 * (`ledger.md` section 2). The same id counts once for as long as ended reservations are remembered
 * (`ledger.retentionHours`); with other content it is an `IdempotencyMismatch`. Throws `InvalidRequest`
 * for a limit that is not there or no stored total, and for a total that would leave 0 to 2^52, which
 * changes nothing and uses the id up.
 */
export async function adjustUsage(
  context: GatewayContext,
  wanted: Adjustment,
  askedBy: AskedBy = {},
): Promise<Adjusted> {
  const { quota, counts } = quotaOf(context.config, wanted)
  const note: AdjustNote = { kind: 'adjust', counts, ...wanted }
  const repeated = await postAdjustment(
    context,
    { total: totalOf(context, quota, note), note },
    askedBy,
  )
  return { ...wanted, unit: counts, repeated }
}

/** A credit or debit of what a store holds in one partition; see `adjustUsage`. */
export async function adjustStoreRoom(
  context: GatewayContext,
  wanted: Pick<Adjustment, 'id' | 'delta' | 'reason'> & {
    readonly store: string
    readonly partition: number
  },
  askedBy: AskedBy = {},
): Promise<void> {
  const { store, partition, ...common } = wanted
  const { limitId: id } = context.capacity
  const subject = context.capacity.subjectOf(store, partition)
  // It is no tenant's: the note says whose.
  const about = {
    kind: 'adjust',
    counts: 'stored-bytes',
    tenant: '',
    policy: STORE_POLICY,
  } as const
  const note: AdjustNote = { ...about, ...common, store }
  await postAdjustment(context, { total: { subject, limitId: id, partition }, note }, askedBy)
}

/** Where a stored total is. */
interface Total {
  readonly subject: string
  readonly limitId: number
  readonly partition: number
}

/** Whether it was posted before. */
async function postAdjustment(
  context: GatewayContext,
  { total, note }: { readonly total: Total; readonly note: AdjustNote },
  askedBy: AskedBy,
): Promise<boolean> {
  const command = commandOf(context, total, note)
  const reply = await context.ledger.finish(command)
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'CONFLICT') {
    const why = `the id "${note.id}" was used for another one`
    throw new GatewayError('IdempotencyMismatch', `Cannot adjust the usage: ${why}`)
  }
  if (reply.code === 'FENCED') throw recovering('adjust the usage')
  if (reply.code === 'EXISTS' && reply.state === 'S') return true
  if (reply.code === 'EXISTS' && reply.state === 'V') throw outOfRange(note)
  if (reply.code !== 'OK' && reply.code !== 'EXISTS') {
    throw new GatewayError('LedgerUnavailable', 'Cannot adjust the usage: the ledger disagrees', {
      facts: { reply: reply.code },
    })
  }
  const end = await finishAdjustment(context, command, note, askedBy)
  if (end === 'refused') throw outOfRange(note)
  return end === 'repeated'
}

function totalOf({ hashing, ledger }: GatewayContext, quota: Quota, note: AdjustNote): Total {
  const { tenant, user, policy } = note
  const subject =
    quota.per === 'user'
      ? subjectId(hashing, ledger.salt, 'u', tenant, user ?? '')
      : subjectId(hashing, ledger.salt, 't', tenant, '')
  const partition = partitionOf(hashing, tenant, ledger.partitions)
  return { subject, limitId: limitId(hashing, policy), partition }
}

function commandOf(
  { hashing, ledgerTime }: GatewayContext,
  { subject, limitId: limit, partition }: Total,
  note: AdjustNote,
): ReassertCommand {
  const { tenant, user, id, policy, counts, delta, reason, store } = note
  const digest = (parts: readonly unknown[]) =>
    toBase64Url(hashing.sha256(JSON.stringify(parts)).slice(0, DIGEST_BYTES))
  const whose = store === undefined ? [] : [store]
  return {
    op: 'A',
    partition,
    rid: `adj_${digest([tenant, id, ...whose])}`,
    fingerprint: digest([1, tenant, user ?? null, policy, delta, reason, ...whose]),
    subjects: [subject],
    hold: [1, limit, TOTAL_WINDOW, 0, STORED[counts]],
    limits: [MAX_AMOUNT],
    expMs: Math.floor(ledgerTime.nowMs()) + LOOK_MS,
    lookMs: LOOK_MS,
    note: noteText(note),
  }
}

/** The quota that is meant. Throws `InvalidRequest` that says which member is wrong. */
function quotaOf(
  { tenants }: Config,
  wanted: Adjustment,
): { quota: Quota; counts: AdjustNote['counts'] } {
  const tenant = tenants.get(wanted.tenant)
  if (tenant === undefined) throw invalid({ path: 'tenant', message: 'is not configured' })
  const user = wanted.user === undefined ? undefined : tenant.users.get(wanted.user)
  if (wanted.user !== undefined && user === undefined) {
    throw invalid({ path: 'user', message: 'is not configured for this tenant' })
  }
  const plans = [
    { per: 'user', plan: user?.plan ?? tenant.plan },
    { per: 'tenant', plan: tenant.plan },
  ]
  const quota = plans
    .flatMap(({ per, plan }) => plan.quotas.filter((each) => each.per === per))
    .find(({ policy }) => policy === wanted.policy)
  if (quota === undefined) {
    throw invalid({ path: 'policy', message: 'is no quota of this tenant or user' })
  }
  if (quota.unit !== 'stored-bytes' && quota.unit !== 'stored-objects') {
    throw invalid({
      path: 'policy',
      message: `counts ${quota.unit}: only stored totals can be adjusted`,
    })
  }
  if (quota.per === 'user' && user === undefined) {
    throw invalid({ path: 'user', message: 'is needed: this limit is counted per user' })
  }
  if (quota.per === 'tenant' && user !== undefined) {
    throw invalid({ path: 'user', message: 'must be left out: this limit is counted per tenant' })
  }
  return { quota, counts: quota.unit }
}

function outOfRange({ policy, delta }: Pick<Adjustment, 'policy' | 'delta'>): GatewayError {
  const where = delta < 0 ? 'below zero' : `above ${MAX_COUNTER}`
  const message = `would take "${policy}" ${where}; for another amount use another id`
  return invalid({ path: 'delta', message })
}

function invalid(field: FieldProblem): GatewayError {
  return new GatewayError(
    'InvalidRequest',
    `Cannot adjust the usage: "${field.path}" ${field.message}`,
    { fields: [field] },
  )
}
