import type { KeyRecord } from '../auth/key-record.ts'
import type { RotatingSecret } from '../auth/rotating-secret.ts'
import type { Plan } from '../limits/plan.ts'
import { buildKey } from './build-key.ts'
import { checkNames, overridden } from './build-overrides.ts'
import { buildPermissions } from './build-permission.ts'
import { effectiveLimits, MAX_LIMITS } from './build-plan.ts'
import { buildZones } from './build-zones.ts'
import type { ConfiguredBucket, Tenant, User } from './config.ts'
import { type Path, quote } from './problem.ts'
import type { Report } from './report.ts'
import type { TenantInput } from './schema-tenants.ts'
import { didYouMean } from './suggest.ts'

/** What tenants are held against: what could be read, and all names, broken ones too. */
export interface TenantScope {
  readonly plans: ReadonlyMap<string, Plan>
  readonly planNames: ReadonlySet<string>
  readonly buckets: ReadonlyMap<string, ConfiguredBucket>
  readonly bucketNames: ReadonlySet<string>
  /** `undefined` when the secrets could not be read. */
  readonly pepper: RotatingSecret | undefined
  readonly report: Report
}

const NO_LIMITS: Plan = { name: '', rates: [], quotas: [] }

/** A tenant; its keys go to `keys`, which holds those of all tenants. */
export function buildTenant(
  id: string,
  input: TenantInput,
  { scope, keys }: { scope: TenantScope; keys: Map<string, KeyRecord> },
): Tenant {
  const { report } = scope
  const path: Path = ['tenants', id]
  const { plan, users } = buildUsers(input, path, scope)
  const zones = buildZones(input, path, report)
  const allow = input.allow && buildPermissions(input.allow, { ...scope, path: [...path, 'allow'] })
  const userPlans = userPlansOf(input, path, scope)
  const own: string[] = []
  input.keys.forEach((key, index) => {
    const at = [...path, 'keys', index]
    if (keys.has(key.id)) report.problem([...at, 'id'], `is there more than once: ${quote(key.id)}`)
    if (!users.has(key.user)) {
      const hint = didYouMean(key.user, users.keys())
      report.problem([...at, 'user'], `is no user of this tenant: ${quote(key.user)}${hint}`)
    }
    keys.set(key.id, buildKey(id, key, { ...scope, path: at, ceiling: allow }))
    own.push(key.id)
  })
  return {
    id,
    plan,
    timeZone: input.timeZone,
    zones,
    users,
    keys: own,
    ...(allow !== undefined && { allow }),
    ...(userPlans !== undefined && { userPlans }),
    ...(input.suspended === true && { suspended: true }),
  }
}

/** The plans of a tenant and of its users, with their overrides in them. */
function buildUsers(
  input: TenantInput,
  path: Path,
  scope: TenantScope,
): { plan: Plan; users: Map<string, User> } {
  const { report } = scope
  const common = { path: [...path, 'overrides'], report }
  const plain = planOf(input.plan, [...path, 'plan'], scope)
  const plan = overridden(plain, input.overrides, common)
  const users = new Map<string, User>()
  const known = [...plain.rates, ...plain.quotas]
  let allKnown = plain !== NO_LIMITS
  for (const [id, user] of Object.entries(input.users)) {
    const at = [...path, 'users', id]
    const chosen = user.plan === undefined ? plain : planOf(user.plan, [...at, 'plan'], scope)
    if (chosen !== plain) checkPlans({ user: chosen, tenant: plain }, [...at, 'plan'], report)
    known.push(...[...chosen.rates, ...chosen.quotas].filter(({ per }) => per === 'user'))
    if (chosen === NO_LIMITS) allKnown = false
    const own = { path: [...at, 'overrides'], report, onlyUser: true }
    const visible = [...effectiveLimits({ user: chosen, tenant: plain })]
    if (chosen !== NO_LIMITS && plain !== NO_LIMITS) checkNames(user.overrides, visible, own)
    const base = chosen === plain ? plan : overridden(chosen, input.overrides, common)
    users.set(id, {
      id,
      plan: overridden(base, user.overrides, own),
      planName: user.plan ?? input.plan,
      ...(user.suspended === true && { suspended: true }),
    })
  }
  // Where a plan is not known, neither are its limits.
  if (allKnown) checkNames(input.overrides, known, common)
  return { plan, users }
}

/** The plans that users may have: those of the list, and always the tenant's own. */
function userPlansOf(
  input: TenantInput,
  path: Path,
  scope: TenantScope,
): ReadonlySet<string> | undefined {
  if (input.userPlans === undefined) return undefined
  const plans = new Set([input.plan, ...input.userPlans])
  input.userPlans.forEach((name, index) => {
    planOf(name, [...path, 'userPlans', index], scope)
  })
  for (const [id, { plan }] of Object.entries(input.users)) {
    if (plan === undefined || plans.has(plan)) continue
    scope.report.problem(
      [...path, 'users', id, 'plan'],
      `is none of the tenant's userPlans: ${quote(plan)}`,
    )
  }
  return plans
}

function planOf(name: string, path: Path, { plans, planNames, report }: TenantScope): Plan {
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
