import type { Plan, Quota, RateLimit } from '../limits/plan.ts'
import { checkRate } from './build-plan.ts'
import { type Path, quote } from './problem.ts'
import type { Report } from './report.ts'
import type { OverridesInput } from './schema-tenants.ts'
import { didYouMean } from './suggest.ts'

type Override = NonNullable<OverridesInput>[string]

const RATE_NUMBERS = ['requests', 'windowSeconds', 'burst'] as const

/**
 * The plan with a tenant's numbers in the limits of their names; the same object when there are none.
 * Reports numbers of the wrong kind and what the plan could not have either. Apply `checkNames` to the
 * names.
 */
export function overridden(
  plan: Plan,
  overrides: OverridesInput,
  { path, report, onlyUser = false }: { path: Path; report: Report; onlyUser?: boolean },
): Plan {
  if (overrides === undefined) return plan
  const of = ({ policy, per }: RateLimit | Quota) =>
    onlyUser && per !== 'user' ? undefined : own(overrides, policy)
  const at = (policy: string, ...steps: string[]): Path => [...path, policy, ...steps]

  const rates = plan.rates.map((rate): RateLimit => {
    const change = of(rate)
    if (change === undefined) return rate
    if (change.limit !== undefined) {
      report.problem(at(rate.policy, 'limit'), 'is for a quota, and this is a rate limit')
    }
    const changed = changedRate(rate, change)
    checkRate(changed, at(rate.policy), report)
    return changed
  })
  const quotas = plan.quotas.map((quota): Quota => {
    const change = of(quota)
    if (change === undefined) return quota
    for (const name of RATE_NUMBERS) {
      if (change[name] === undefined) continue
      report.problem(at(quota.policy, name), 'is for a rate limit, and this is a quota')
    }
    return { ...quota, limit: change.limit ?? quota.limit }
  })
  return { ...plan, rates, quotas }
}

/** Reports overrides of limits that are not there, and those that change nothing. */
export function checkNames(
  overrides: OverridesInput,
  known: readonly (RateLimit | Quota)[],
  { path, report, onlyUser = false }: { path: Path; report: Report; onlyUser?: boolean },
): void {
  for (const [policy, change] of Object.entries(overrides ?? {})) {
    const named = known.filter((limit) => limit.policy === policy)
    const usable = onlyUser ? named.filter(({ per }) => per === 'user') : named
    if (named.length === 0) {
      const names = known.map((limit) => limit.policy)
      const hint = didYouMean(policy, names)
      report.problem([...path, policy], `names no limit: ${quote(policy)}${hint}`, 'name')
    } else if (usable.length === 0) {
      const message = 'counts for the whole tenant: override it at the tenant'
      report.problem([...path, policy], message, 'name')
    }
    if (Object.values(change).every((number) => number === undefined)) {
      report.problem([...path, policy], 'must have at least one number')
    }
  }
}

// A burst that was the window's requests goes with them: who raises one hardly wants the old other.
function changedRate(rate: RateLimit, change: Override): RateLimit {
  const { requests = rate.requests, windowSeconds = rate.windowSeconds } = change
  const usual = rate.burst === rate.requests ? requests : rate.burst
  return { ...rate, requests, windowSeconds, burst: change.burst ?? usual }
}

function own(overrides: NonNullable<OverridesInput>, policy: string): Override | undefined {
  return Object.hasOwn(overrides, policy) ? overrides[policy] : undefined
}
