import { type Hashing, toHex } from '../hashing.ts'
import { RESERVED_POLICIES } from '../limits/limit-set.ts'
import type { Plan, Quota, RateLimit } from '../limits/plan.ts'
import { type Path, quote } from './problem.ts'
import type { Report } from './report.ts'
import type { PlanInput } from './schema-plans.ts'

/** Most limits that one decision of the ledger looks at. */
export const MAX_LIMITS = 32

/** A request must cost at least this much of a window, or rounding up to whole µs would bite. */
const MIN_INTERVAL_MICROS = 10
/** Longest time that a full burst may take to come back. */
const MAX_BURST_SECONDS = 366 * 86_400

const IN_A_WINDOW = new Set<Quota['unit']>(['bytes', 'objects', 'requests'])

/** What tells two policies apart in the ledger, by policy. */
export type LimitIds = Map<string, string>

/** A plan. `limitIds` collects the policies of all plans, whose ids must differ. */
export function buildPlan(
  name: string,
  input: PlanInput,
  { report, hashing, limitIds }: { report: Report; hashing: Hashing; limitIds: LimitIds },
): Plan {
  const path: Path = ['plans', name]
  const seen = new Set<string>()

  function checkPolicy(policy: string, at: Path): void {
    if (seen.has(policy)) report.problem([...at, 'policy'], 'is there more than once in this plan')
    seen.add(policy)
    if (RESERVED_POLICIES.has(policy)) {
      report.problem([...at, 'policy'], 'is reserved: choose another name')
    }
    const id = limitIdOf(hashing, policy)
    const other = limitIds.get(id) ?? policy
    if (other !== policy) {
      report.problem([...at, 'policy'], `collides with ${quote(other)}: choose another name`)
    }
    limitIds.set(id, other)
  }

  const rates = input.rates.map((rate, index): RateLimit => {
    const at = [...path, 'rates', index]
    checkPolicy(rate.policy, at)
    const { policy, per, requests, windowSeconds, burst = requests } = rate
    checkRate({ requests, windowSeconds, burst }, at, report)
    const shadow = rate.shadow === true && { shadow: true }
    return { policy, per, requests, windowSeconds, burst, ...shadow }
  })
  const quotas = input.quotas.map(({ window, shadow, ...rest }, index): Quota => {
    const quota = { ...rest, ...(shadow === true && { shadow }) }
    const at = [...path, 'quotas', index]
    checkPolicy(quota.policy, at)
    const needsWindow = IN_A_WINDOW.has(quota.unit)
    if (needsWindow && window === undefined) {
      report.problem([...at, 'window'], `is required for unit: ${quota.unit}`)
    } else if (!needsWindow && window !== undefined) {
      report.problem([...at, 'window'], `must be left out for unit: ${quota.unit}`)
    }
    return window === undefined ? quota : { ...quota, window }
  })
  if (rates.length + quotas.length > MAX_LIMITS) {
    report.problem(path, `has more than ${MAX_LIMITS} limits`)
  }
  return { name, rates, quotas }
}

/** What the ledger knows a limit by: the first four bytes of the hash of its name. */
export function limitIdOf(hashing: Hashing, policy: string): string {
  return toHex(hashing.sha256(policy).subarray(0, 4))
}

/** The limits that a decision for a user of a tenant looks at. */
export function effectiveLimits(plans: { user: Plan; tenant: Plan }): (RateLimit | Quota)[] {
  return (['user', 'tenant'] as const).flatMap((per) =>
    [...plans[per].rates, ...plans[per].quotas].filter((limit) => limit.per === per),
  )
}

/** Reports a rate that the ledger could not keep exactly. */
export function checkRate(
  rate: { requests: number; windowSeconds: number; burst: number },
  path: Path,
  report: Report,
): void {
  const intervalMicros = (rate.windowSeconds * 1e6) / rate.requests
  if (intervalMicros < MIN_INTERVAL_MICROS) {
    report.problem([...path, 'requests'], 'must be at most 100,000 for each second of the window')
  }
  if ((intervalMicros * rate.burst) / 1e6 > MAX_BURST_SECONDS) {
    report.problem([...path, 'burst'], 'must come back within 366 days')
  }
}
