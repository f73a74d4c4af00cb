import { openMemoryLedger } from '../../src/ledger/memory.ts'
import type { AdmitReply } from '../../src/ledger/port.ts'
import {
  type LimitStatus,
  limitStatuses,
  type Verdict,
  violationsOf,
} from '../../src/limits/limit-report.ts'
import { compileLimits, type Demand, measure, type Subjects } from '../../src/limits/limit-set.ts'
import type { Per, Plan, Quota, RateLimit } from '../../src/limits/plan.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { TestClock } from '../support/test-clock.ts'

export const NOTHING: Demand = {
  requests: 0,
  objects: 0,
  bytes: 0,
  storedBytes: 0,
  storedObjects: 0,
  slots: 0,
}
const SUBJECTS: Subjects = { user: 'uAAAAAAAAAAAAAAAA', tenant: 'tAAAAAAAAAAAAAAAA' }

export function rate(requests: number, windowSeconds: number, burst = requests): RateLimit {
  return { policy: 'user-requests', per: 'user', requests, windowSeconds, burst }
}

export function quota(
  unit: Quota['unit'],
  limit: number,
  {
    per = 'user',
    policy = `${per}-${unit}`,
    window,
  }: Partial<Pick<Quota, 'policy' | 'window'>> & { per?: Per } = {},
): Quota {
  return { policy, per, unit, limit, ...(window !== undefined && { window }) }
}

export function planOf(rates: readonly RateLimit[], quotas: readonly Quota[] = []): Plan {
  return { name: 'free', rates, quotas }
}

export function compiled(user: Plan, tenant: Plan = user, timeZone = 'UTC') {
  return compileLimits({ user, tenant, timeZone, hashing: nodeHashing })
}

/** A plan on a memory ledger, and what callers would be told. */
export function openLimits(user: Plan, { tenant = user, timeZone = 'UTC' } = {}) {
  const clock = new TestClock()
  const ledger = openMemoryLedger({ clock })
  const set = compiled(user, tenant, timeZone)
  let count = 0
  async function ask(op: 'R' | 'Q', demand: Partial<Demand>, lock?: string): Promise<Answer> {
    const nowMs = clock.nowMs()
    const subjects = lock === undefined ? SUBJECTS : { ...SUBJECTS, lock }
    const measured = measure(set, subjects, { ...NOTHING, ...demand }, nowMs)
    const common = { ...measured, partition: 0, deadlineMs: 0 }
    count += 1
    const record = { rid: `up_${count}`, fingerprint: 'fp', ttlMs: 9e6, lookMs: 9e6, note: '{}' }
    const reply = await ledger.admit(op === 'Q' ? { op, ...common } : { op, ...common, ...record })
    const levels = 'levels' in reply ? reply.levels : []
    const denied = reply.code === 'DENIED' ? reply.denied : []
    return {
      code: reply.code,
      verdict: violationsOf(set, measured, denied, levels, nowMs),
      statuses: limitStatuses(set, measured, levels, nowMs, reply.code === 'OK' && op === 'R'),
    }
  }
  return {
    set,
    clock,
    reserve: (demand: Partial<Demand>, lock?: string) => ask('R', demand, lock),
    look: () => ask('Q', {}),
  }
}

export interface Answer {
  readonly code: AdmitReply['code']
  readonly verdict: Verdict
  readonly statuses: readonly LimitStatus[]
}
