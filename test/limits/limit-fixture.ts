import {
  compileLimits,
  type Demand,
  type LimitSet,
  type Measured,
  measure,
} from '../../src/limits/limit-set.ts'
import type { Plan, Quota, RateLimit } from '../../src/limits/plan.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'

/** 2026-01-15T12:00:00.250Z, so that rounding shows. */
export const NOW_MS = Date.UTC(2026, 0, 15, 12, 0, 0, 250)
export const SUBJECTS = { user: 'u-alice', tenant: 't-acme' }
export const NOTHING: Demand = {
  requests: 0,
  objects: 0,
  bytes: 0,
  storedBytes: 0,
  storedObjects: 0,
  slots: 0,
}

export const plan = (limits: { rates?: RateLimit[]; quotas?: Quota[] } = {}): Plan => ({
  name: 'standard',
  rates: limits.rates ?? [],
  quotas: limits.quotas ?? [],
})

export const rate = (options: Partial<RateLimit> = {}): RateLimit => {
  const requests = options.requests ?? 60
  return {
    policy: 'user-requests',
    per: 'user',
    windowSeconds: 60,
    burst: requests,
    ...options,
    requests,
  }
}

export const quota = (options: Partial<Quota> = {}): Quota => {
  const base: Quota = { policy: 'user-bytes-day', per: 'user', unit: 'bytes', limit: 1_000 }
  const unit = options.unit ?? 'bytes'
  const windowed = ['bytes', 'objects', 'requests'].includes(unit)
  return { ...base, ...(windowed && { window: 'day' as const }), ...options }
}

/** One plan for user and tenant alike. */
export function compiled(
  limits: { rates?: RateLimit[]; quotas?: Quota[] },
  timeZone = 'UTC',
): LimitSet {
  return compileLimits({ user: plan(limits), tenant: plan(limits), timeZone, hashing: nodeHashing })
}

export function measured(set: LimitSet, demand: Partial<Demand> = {}, lock?: string): Measured {
  const subjects = { ...SUBJECTS, ...(lock !== undefined && { lock }) }
  return measure(set, subjects, { ...NOTHING, ...demand }, NOW_MS)
}
