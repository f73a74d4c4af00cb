import type { Hashing } from '../hashing.ts'
import { costUs, spacingUs } from './gcra.ts'
import { limitId } from './limit-id.ts'
import type { Per, Plan, Quota, QuotaUnit, RateLimit } from './plan.ts'
import { windowAt, type Zone } from './windows.ts'

/** What a request asks of the limits. */
export interface Demand {
  readonly requests: number
  readonly objects: number
  readonly bytes: number
  readonly storedBytes: number
  readonly storedObjects: number
  readonly slots: number
}

export interface CompiledRate extends RateLimit {
  readonly id: number
  /** Time that one request takes, in whole microseconds. */
  readonly spacingUs: number
}

export interface CompiledQuota extends Quota {
  readonly id: number
  readonly kind: number
}

interface Group {
  readonly rates: readonly CompiledRate[]
  readonly quotas: readonly CompiledQuota[]
}

/** The limits of one user and of its tenant, ready to be measured against. */
export interface LimitSet {
  readonly user: Group
  readonly tenant: Group
  readonly timeZone: Zone
  /** Id of the one slot that locks an object. */
  readonly lockId: number
  /** Whether any limit only counts and reports. */
  readonly hasShadow: boolean
}

/** What a decision needs: subjects, and the flat arrays of the ledger's port. */
export interface Measured {
  readonly subjects: readonly string[]
  readonly hold: readonly number[]
  readonly check: readonly number[]
  /** The demand on rates; what a forgiven rate was not asked for shows in it. */
  readonly requests: number
  /** Stores whose room is checked, in the order of their subjects: behind the tenant's. */
  readonly stores: readonly string[]
}

/** What a demand takes of one store's room. */
export interface StoreRoom {
  readonly store: string
  readonly subject: string
  readonly limitId: number
  /** Bytes asked for. */
  readonly bytes: number
  /** What may lie there by this decision, pending uploads too, in bytes. */
  readonly limit: number
  /** What may lie in the store, by all decisions, in bytes. */
  readonly capacityBytes: number
}

/** Where the limits are counted. `lock` is the object that only one overwrite may have. */
export interface Subjects {
  readonly user: string
  readonly tenant: string
  /** Stores with a bound of their own, each once. Default: none. */
  readonly stores?: readonly StoreRoom[]
  readonly lock?: string
}

// The kinds of the ledger's counters (`ledger/port.ts`, which stands to the right).
const KIND: Readonly<Record<QuotaUnit, number>> = {
  bytes: 0,
  objects: 1,
  requests: 2,
  'stored-bytes': 3,
  'pending-uploads': 4,
  'stored-objects': 5,
}
const SLOT = KIND['pending-uploads']
const STORED = KIND['stored-bytes']
const LOCK_POLICY = 'object-lock'
/** Names what bounds a store: no plan can have a limit of that name, and callers never see it. */
export const STORE_POLICY = 'store-capacity'
/** Names of our own limits: no plan can have one of them. */
export const RESERVED_POLICIES: ReadonlySet<string> = new Set([LOCK_POLICY, STORE_POLICY])
const TOTAL_WINDOW = 0
/** No limit: the largest amount that a ledger keeps exactly. Shadow quotas refuse beyond it alone. */
export const UNLIMITED = 2 ** 50
const NONE: ReadonlySet<number> = new Set()
const MAX_LIMITS = 32
const MIN_SPACING_US = 10
const MAX_TAU_US = 366 * 86_400 * 1e6

/**
 * Takes the limits per user from the user's plan and those per tenant from the tenant's. Throws an
 * `Error` that names every problem; `problemsOf` lists them for one plan.
 */
export function compileLimits(options: {
  readonly user: Plan
  readonly tenant: Plan
  readonly timeZone: Zone
  readonly hashing: Hashing
}): LimitSet {
  const { user, tenant, timeZone, hashing } = options
  const chosen: Plan = {
    name: user.name,
    rates: [...user.rates.filter(isPer('user')), ...tenant.rates.filter(isPer('tenant'))],
    quotas: [...user.quotas.filter(isPer('user')), ...tenant.quotas.filter(isPer('tenant'))],
  }
  const problems = [...new Set([user, tenant, chosen].flatMap((plan) => problemsOf(plan, hashing)))]
  if (problems.length > 0) throw new Error(`Cannot compile the limits: ${problems.join('; ')}`)
  return {
    user: groupOf(user, 'user', hashing),
    tenant: groupOf(tenant, 'tenant', hashing),
    timeZone,
    lockId: limitId(hashing, LOCK_POLICY),
    hasShadow: [...chosen.rates, ...chosen.quotas].some(({ shadow }) => shadow === true),
  }
}

/** What is wrong with a plan, in plain words; empty when nothing is. */
export function problemsOf(plan: Plan, hashing: Hashing): string[] {
  const problems: string[] = []
  const size = plan.rates.length + plan.quotas.length
  if (size > MAX_LIMITS) problems.push(`${size} limits are more than ${MAX_LIMITS}`)
  const seen = new Map([...RESERVED_POLICIES].map((policy) => [limitId(hashing, policy), policy]))
  for (const { policy } of [...plan.rates, ...plan.quotas]) {
    const id = limitId(hashing, policy)
    const other = seen.get(id)
    if (RESERVED_POLICIES.has(policy)) problems.push(`policy "${policy}" is reserved`)
    else if (other === policy) problems.push(`policy "${policy}" is named twice`)
    else if (other !== undefined) problems.push(`policies "${policy}" and "${other}" collide`)
    seen.set(id, policy)
  }
  for (const rate of plan.rates) {
    const exactUs = (rate.windowSeconds * 1e6) / rate.requests
    if (exactUs < MIN_SPACING_US) {
      problems.push(`rate "${rate.policy}" is faster than one request in ${MIN_SPACING_US} µs`)
    }
    if (exactUs * rate.burst > MAX_TAU_US) {
      problems.push(`rate "${rate.policy}" needs more than 366 days for its burst`)
    }
  }
  for (const { policy, unit, window } of plan.quotas) {
    const counted = unit === 'bytes' || unit === 'objects' || unit === 'requests'
    if (counted && window === undefined) problems.push(`quota "${policy}" needs a window`)
    if (!counted && window !== undefined) problems.push(`quota "${policy}" cannot have a window`)
  }
  return problems
}

/**
 * The hold and the check of a demand at an instant of the ledger's clock: user first, then tenant,
 * then stores, then the lock. A limit that the demand does not touch is listed with amount 0 and cannot refuse.
 * `forgiven`: positions of rates that are asked for nothing; see `shadowRates`.
 */
export function measure(
  set: LimitSet,
  subjects: Subjects,
  demand: Demand,
  nowMs: number,
  forgiven: ReadonlySet<number> = NONE,
): Measured {
  const hold: number[] = []
  const check: number[] = [0, Number.MAX_SAFE_INTEGER]
  const { requests } = demand
  let position = 0
  for (const group of [set.user, set.tenant]) {
    check.push(group.rates.length)
    for (const { id, spacingUs: spacing, burst } of group.rates) {
      position += 1
      const asked = forgiven.has(position) ? 0 : requests
      check.push(id, costUs(spacing, asked), spacing * burst)
    }
    hold.push(group.quotas.length)
    position += group.quotas.length
    for (const quota of group.quotas) {
      hold.push(
        quota.id,
        windowOf(set, quota, nowMs, check),
        amountOf(quota.unit, demand),
        quota.kind,
      )
      check.push(enforcedLimit(quota))
    }
  }
  const named = [subjects.user, subjects.tenant]
  const stores: string[] = []
  for (const { store, subject, limitId: id, bytes, limit } of subjects.stores ?? []) {
    stores.push(store)
    named.push(subject)
    hold.push(1, id, TOTAL_WINDOW, bytes, STORED)
    check.push(0, limit)
  }
  if (subjects.lock !== undefined) {
    named.push(subjects.lock)
    hold.push(1, set.lockId, TOTAL_WINDOW, 1, SLOT)
    check.push(0, 1)
  }
  return { subjects: named, hold, check, requests, stores }
}

/** Positions in the ledger's replies of the rates that only count and report. */
export function shadowRates(set: LimitSet): Set<number> {
  const positions = new Set<number>()
  let position = 0
  for (const { rates, quotas } of [set.user, set.tenant]) {
    for (const { shadow } of rates) {
      position += 1
      if (shadow === true) positions.add(position)
    }
    position += quotas.length
  }
  return positions
}

/** The first position in the ledger's replies behind the limits of plans: of stores, then of the lock. */
export function placesFrom({ user, tenant }: LimitSet): number {
  const counts = [user, tenant].map(({ rates, quotas }) => rates.length + quotas.length)
  return 1 + counts.reduce((sum, count) => sum + count, 0)
}

/**
 * The limits now in force for each entry of a hold that was made earlier, in its order; of stores, those
 * of `rooms`. A limit that has left the plan refuses nothing.
 */
export function limitsNow(
  set: LimitSet,
  hold: readonly number[],
  rooms: readonly Pick<StoreRoom, 'limitId' | 'limit'>[] = [],
): number[] {
  const known = new Map<number, number>([[set.lockId, 1]])
  for (const { limitId: id, limit } of rooms) known.set(id, limit)
  for (const quota of [...set.user.quotas, ...set.tenant.quotas]) {
    known.set(quota.id, enforcedLimit(quota))
  }
  const limits: number[] = []
  for (let at = 0; at < hold.length; ) {
    const count = hold[at] ?? 0
    for (let entry = 0; entry < count; entry += 1) {
      limits.push(known.get(hold[at + 1 + entry * 4] ?? -1) ?? UNLIMITED)
    }
    at += 1 + count * 4
  }
  return limits
}

function groupOf(plan: Plan, per: Per, hashing: Hashing): Group {
  return {
    rates: plan.rates
      .filter(isPer(per))
      .map((rate) => ({ ...rate, id: limitId(hashing, rate.policy), spacingUs: spacingUs(rate) })),
    quotas: plan.quotas
      .filter(isPer(per))
      .map((quota) => ({ ...quota, id: limitId(hashing, quota.policy), kind: KIND[quota.unit] })),
  }
}

function enforcedLimit({ shadow, limit }: Quota): number {
  return shadow === true ? UNLIMITED : limit
}

function isPer(per: Per): (limit: { per: Per }) => boolean {
  return (limit) => limit.per === per
}

/** The window's id; narrows the check's bounds to the window, so that a wrong clock is noticed. */
function windowOf(set: LimitSet, quota: Quota, nowMs: number, check: number[]): number {
  if (quota.window === undefined) return TOTAL_WINDOW
  const { id, startMs, endMs } = windowAt(quota.window, set.timeZone, nowMs)
  check[0] = Math.max(check[0] ?? 0, startMs)
  check[1] = Math.min(check[1] ?? endMs, endMs)
  return id
}

function amountOf(unit: QuotaUnit, demand: Demand): number {
  switch (unit) {
    case 'bytes':
      return demand.bytes
    case 'objects':
      return demand.objects
    case 'requests':
      return demand.requests
    case 'stored-bytes':
      return demand.storedBytes
    case 'stored-objects':
      return demand.storedObjects
    case 'pending-uploads':
      return demand.slots
  }
}
