import { toTimestamp } from '../clock.ts'
import type { Violation } from '../errors.ts'
import { costUs, requestsLeft, waitSeconds } from './gcra.ts'
import {
  type CompiledQuota,
  type CompiledRate,
  type LimitSet,
  type Measured,
  UNLIMITED,
} from './limit-set.ts'
import { windowAt } from './windows.ts'

/** Names what a status keeps out of its JSON. */
export const RESETS_AT_MS = Symbol('resetsAtMs')

/** One limit and what is left of it, as a client reads it (`api.md`, `limits`). */
export interface LimitStatus {
  readonly policy: string
  readonly unit: string
  readonly limit: number
  readonly used: number
  /** Held by uploads that have not ended. */
  readonly pending: number
  readonly remaining: number
  /** It counts and reports, and refuses nothing. */
  readonly shadow?: true
  /** When it is as new: the window's end, or when a rate's whole burst is back. */
  readonly resetsAt?: string
  /** The same moment in milliseconds, not rounded: for header fields, not for JSON. */
  readonly [RESETS_AT_MS]?: number
}

/** A status while it is made: member by member, which costs less than spreading what is not always there. */
type Writable<T> = { -readonly [Member in keyof T]: T[Member] }

/** What a refusal says, and how it is answered. */
export interface Verdict {
  readonly violations: readonly Violation[]
  /** Whether waiting heals all of them. */
  readonly waitingHeals: boolean
  /** The latest of them, whole seconds rounded up, at least 1; absent when waiting does not help. */
  readonly retryAfterSeconds?: number
  readonly onlyRates: boolean
  /** Another overwrite holds the object. */
  readonly lockTaken: boolean
  /** Stores without room for it: no violations, as their bounds are the operator's alone. */
  readonly fullStores: readonly FullStore[]
}

/** A store that refuses, as the ledger found it. */
export interface FullStore {
  readonly store: string
  /** Bytes that lie there, by the ledger; of the partition that was asked. */
  readonly used: number
  readonly pending: number
  readonly requested: number
}

/** Seconds after which to try again when slots are taken: nobody knows when one comes free. */
const SLOT_RETRY_SECONDS = 5

interface RateLevel {
  readonly kind: 'rate'
  readonly limit: CompiledRate
  /** What was asked of the ledger: less than the cost where a rate was forgiven. */
  readonly incUs: number
  readonly costUs: number
  readonly tauUs: number
  readonly roomUs: number
}

interface QuotaLevel {
  readonly kind: 'quota'
  readonly limit: CompiledQuota
  readonly amount: number
  readonly posted: number
  readonly pending: number
}

type StoreLevel = FullStore & { readonly kind: 'store' }

type Level = RateLevel | QuotaLevel | StoreLevel | { readonly kind: 'lock' }

/**
 * Every limit with its levels. `charged`: the levels are those found before this very request was
 * charged, and are shown with it.
 */
export function limitStatuses(
  set: LimitSet,
  measured: Measured,
  levels: readonly number[],
  nowMs: number,
  charged: boolean,
): LimitStatus[] {
  const statuses: LimitStatus[] = []
  for (const level of readLevels(set, measured, levels)) {
    if (level.kind === 'rate') statuses.push(rateStatus(level, nowMs, charged))
    if (level.kind === 'quota') statuses.push(quotaStatus(set, level, nowMs, charged))
  }
  return statuses
}

/** All limits that refused, by the positions that the ledger named. */
export function violationsOf(
  set: LimitSet,
  measured: Measured,
  denied: readonly number[],
  levels: readonly number[],
  nowMs: number,
): Verdict {
  const all = readLevels(set, measured, levels)
  const refusing = denied
    .flatMap((position) => all[position - 1] ?? [])
    .flatMap((level) => (isShadow(level) ? inForce(level) : level))
  const violations = refusing.flatMap((level) => violationOf(set, level, nowMs))
  const waits = violations.map(({ retryAfterSeconds }) => retryAfterSeconds)
  const waitingHeals = waits.every((wait) => wait !== undefined)
  return {
    violations,
    waitingHeals,
    ...(waitingHeals && { retryAfterSeconds: Math.max(1, ...waits.map((wait) => wait ?? 1)) }),
    onlyRates: refusing.every(({ kind }) => kind === 'rate' || kind === 'store'),
    lockTaken: refusing.some(({ kind }) => kind === 'lock'),
    fullStores: refusing.flatMap((level) => (level.kind === 'store' ? [level] : [])),
  }
}

/** What the shadow limits would have refused, had they been in force. */
export function shadowViolations(
  set: LimitSet,
  measured: Measured,
  levels: readonly number[],
  nowMs: number,
): Violation[] {
  if (!set.hasShadow) return []
  return readLevels(set, measured, levels)
    .filter((level) => isShadow(level) && hasNoRoom(level))
    .flatMap((level) => violationOf(set, level, nowMs))
}

function hasNoRoom(level: RateLevel | QuotaLevel): boolean {
  if (level.kind === 'rate') return level.costUs > 0 && level.costUs > level.roomUs
  const { amount, posted, pending, limit } = level
  return amount > 0 && posted + pending + amount > limit.limit
}

function isShadow(level: Level): level is RateLevel | QuotaLevel {
  return (level.kind === 'rate' || level.kind === 'quota') && level.limit.shadow === true
}

/** What of a shadow limit refuses all the same: a quota that the ledger can count no further. */
function inForce(level: RateLevel | QuotaLevel): Level[] {
  if (level.kind === 'rate') return []
  return [{ ...level, limit: { ...level.limit, limit: UNLIMITED } }]
}

function violationOf(set: LimitSet, level: Level, nowMs: number): Violation[] {
  if (level.kind === 'lock' || level.kind === 'store') return []
  return level.kind === 'rate' ? [rateViolation(level)] : [quotaViolation(set, level, nowMs)]
}

/** The levels of a reply, one by one, in the order of the ledger's positions. */
function readLevels(set: LimitSet, measured: Measured, levels: readonly number[]): Level[] {
  const found: Level[] = []
  let level = 0
  let check = 2
  let hold = 0
  for (const group of [set.user, set.tenant]) {
    check += 1
    for (const limit of group.rates) {
      const incUs = measured.check[check + 1] ?? 0
      const tauUs = measured.check[check + 2] ?? 0
      const cost = costUs(limit.spacingUs, measured.requests)
      const roomUs = levels[level] ?? 0
      found.push({ kind: 'rate', limit, incUs, costUs: cost, tauUs, roomUs })
      check += 3
      level += 1
    }
    hold += 1
    for (const limit of group.quotas) {
      const amount = measured.hold[hold + 2] ?? 0
      const posted = levels[level] ?? 0
      const pending = levels[level + 1] ?? 0
      found.push({ kind: 'quota', limit, amount, posted, pending })
      check += 1
      hold += 4
      level += 2
    }
  }
  for (const store of measured.stores) {
    const [used = 0, pending = 0] = levels.slice(level, level + 2)
    found.push({ kind: 'store', store, used, pending, requested: measured.hold[hold + 3] ?? 0 })
    hold += 5
    level += 2
  }
  if (measured.subjects.length > 2 + measured.stores.length) found.push({ kind: 'lock' })
  return found
}

function rateStatus(level: RateLevel, nowMs: number, charged: boolean): LimitStatus {
  const { limit, incUs, tauUs, roomUs } = level
  const leftUs = Math.max(0, roomUs - (charged ? incUs : 0))
  const remaining = requestsLeft(limit.spacingUs, limit.burst, leftUs)
  const resetsAtMs = nowMs + Math.max(0, tauUs - leftUs) / 1000
  const status: Writable<LimitStatus> = {
    policy: limit.policy,
    unit: 'requests',
    limit: limit.burst,
    used: limit.burst - remaining,
    pending: 0,
    remaining,
  }
  if (limit.shadow === true) status.shadow = true
  status.resetsAt = timestampAfter(resetsAtMs)
  status[RESETS_AT_MS] = resetsAtMs
  return status
}

function quotaStatus(
  set: LimitSet,
  { limit, amount, posted, pending }: QuotaLevel,
  nowMs: number,
  charged: boolean,
): LimitStatus {
  // Requests are counted as used at once: they are never given back.
  const spent = charged && limit.unit === 'requests' ? amount : 0
  const held = charged && limit.unit !== 'requests' ? amount : 0
  const used = posted + spent
  const { window } = limit
  const endMs = window && windowAt(window, set.timeZone, nowMs).endMs
  const status: Writable<LimitStatus> = {
    policy: limit.policy,
    unit: limit.unit,
    limit: limit.limit,
    used,
    pending: pending + held,
    remaining: Math.max(0, limit.limit - used - pending - held),
  }
  if (limit.shadow === true) status.shadow = true
  if (endMs === undefined) return status
  status.resetsAt = toTimestamp(endMs)
  status[RESETS_AT_MS] = endMs
  return status
}

function rateViolation({ limit, costUs: cost, tauUs, roomUs }: RateLevel): Violation {
  const retryAfterSeconds = waitSeconds(cost, tauUs, roomUs)
  return {
    policy: limit.policy,
    unit: 'requests',
    limit: limit.burst,
    used: limit.burst - requestsLeft(limit.spacingUs, limit.burst, roomUs),
    pending: 0,
    requested: Math.round(cost / limit.spacingUs),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  }
}

function quotaViolation(
  set: LimitSet,
  { limit, amount, posted, pending }: QuotaLevel,
  nowMs: number,
): Violation {
  const retryAfterSeconds = quotaWait(set, limit, amount, nowMs)
  return {
    policy: limit.policy,
    unit: limit.unit,
    limit: limit.limit,
    used: posted,
    pending,
    requested: amount,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  }
}

/** A request above the whole limit never fits; a total does not reset by itself. */
function quotaWait(
  set: LimitSet,
  { window, unit, limit }: CompiledQuota,
  amount: number,
  nowMs: number,
): number | undefined {
  if (amount > limit) return undefined
  if (unit === 'pending-uploads') return SLOT_RETRY_SECONDS
  if (window === undefined) return undefined
  const { endMs } = windowAt(window, set.timeZone, nowMs)
  return Math.max(1, Math.ceil((endMs - nowMs) / 1000))
}

/** Rounded up to whole seconds: never earlier than it is true. */
function timestampAfter(atMs: number): string {
  return toTimestamp(Math.ceil(atMs / 1000) * 1000)
}
