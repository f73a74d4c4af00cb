import type { Plan } from '../limits/plan.ts'
import { checkNames, overridden } from './build-overrides.ts'
import { effectiveLimits, MAX_LIMITS } from './build-plan.ts'
import type { Tenant, User } from './config.ts'
import { type Path, quote } from './problem.ts'
import type { Report } from './report.ts'
import type { OverridesInput, UserInput } from './schema-tenants.ts'
import { didYouMean } from './suggest.ts'

/** Plans that there are: those that could be read, and all names, broken ones too. */
export interface PlanScope {
  readonly plans: ReadonlyMap<string, Plan>
  readonly planNames: ReadonlySet<string>
  readonly report: Report
}

/** What stands for a plan that is not known. */
export const NO_LIMITS: Plan = Object.freeze({ name: '', rates: [], quotas: [] })

/**
 * A user of a tenant: its own plan, or the tenant's, with the tenant's overrides and then its own.
 * `path`: the tenant's.
 */
export function buildUser(
  id: string,
  input: UserInput,
  {
    tenant,
    path,
    scope,
  }: {
    readonly tenant: Pick<Tenant, 'planName' | 'plan'> & { readonly overrides?: OverridesInput }
    readonly path: Path
    readonly scope: PlanScope
  },
): User {
  const { report, plans } = scope
  const at = [...path, 'users', id]
  const plain = plans.get(tenant.planName) ?? NO_LIMITS
  const chosen = input.plan === undefined ? plain : planOf(input.plan, [...at, 'plan'], scope)
  if (chosen !== plain) checkPlans({ user: chosen, tenant: plain }, [...at, 'plan'], report)
  const own = { path: [...at, 'overrides'], report, onlyUser: true }
  if (chosen !== NO_LIMITS && plain !== NO_LIMITS) {
    checkNames(input.overrides, [...effectiveLimits({ user: chosen, tenant: plain })], own)
  }
  const common = { path: [...path, 'overrides'], report }
  const base = chosen === plain ? tenant.plan : overridden(chosen, tenant.overrides, common)
  return {
    id,
    plan: overridden(base, input.overrides, own),
    planName: input.plan ?? tenant.planName,
    ...(input.suspended === true && { suspended: true }),
  }
}

/** The plan of a name; `NO_LIMITS`, and a problem where there is none, for one that is not known. */
export function planOf(name: string, path: Path, { plans, planNames, report }: PlanScope): Plan {
  if (!planNames.has(name)) {
    report.problem(path, `names no plan: ${quote(name)}${didYouMean(name, planNames)}`)
  }
  return plans.get(name) ?? NO_LIMITS
}

// One decision looks at the user's limits of the one plan and at the tenant's of the other.
function checkPlans(plans: { user: Plan; tenant: Plan }, path: Path, report: Report): void {
  const limits = effectiveLimits(plans)
  if (limits.length > MAX_LIMITS) {
    report.problem(path, `makes more than ${MAX_LIMITS} limits together with the tenant's plan`)
  }
  const policies = limits.map(({ policy }) => policy)
  const doubled = policies.find((policy, index) => policies.indexOf(policy) !== index)
  if (doubled !== undefined) {
    report.problem(path, `has a user's policy ${quote(doubled)}, as has the tenant's plan`)
  }
}
