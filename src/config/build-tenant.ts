import type { KeyRecord } from '../auth/key-record.ts'
import type { Permission } from '../auth/principal.ts'
import type { RotatingSecret } from '../auth/rotating-secret.ts'
import type { Plan } from '../limits/plan.ts'
import { widerThan } from '../policy/within-ceiling.ts'
import { buildKey } from './build-key.ts'
import { checkNames, overridden } from './build-overrides.ts'
import { buildPermissions } from './build-permission.ts'
import { buildUser, NO_LIMITS, planOf } from './build-user.ts'
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
  const bound = buildBound(input, path, scope)
  const userPlans = userPlansOf(input, path, scope)
  const own: string[] = []
  input.keys.forEach((key, index) => {
    const at = [...path, 'keys', index]
    if (keys.has(key.id)) report.problem([...at, 'id'], `is there more than once: ${quote(key.id)}`)
    if (!users.has(key.user)) {
      const hint = didYouMean(key.user, users.keys())
      report.problem([...at, 'user'], `is no user of this tenant: ${quote(key.user)}${hint}`)
    }
    const record = buildKey(id, key, { ...scope, path: at, ceiling: bound.allow })
    if (bound.isSound) checkBound(record, [...at, 'allow'], report)
    keys.set(key.id, record)
    own.push(key.id)
  })
  return {
    id,
    plan,
    planName: input.plan,
    ...(input.overrides !== undefined && { overrides: input.overrides }),
    timeZone: input.timeZone,
    zones,
    users,
    keys: own,
    ...(bound.allow !== undefined && { allow: bound.allow }),
    ...(userPlans !== undefined && { userPlans }),
    ...(input.suspended === true && { suspended: true }),
  }
}

/** The plan of a tenant and its users, with their overrides in them. */
function buildUsers(
  input: TenantInput,
  path: Path,
  scope: TenantScope,
): { plan: Plan; users: Map<string, User> } {
  const { report } = scope
  const common = { path: [...path, 'overrides'], report }
  const plain = planOf(input.plan, [...path, 'plan'], scope)
  const plan = overridden(plain, input.overrides, common)
  const tenant = { planName: input.plan, plan, overrides: input.overrides }
  const users = new Map<string, User>()
  const known = [...plain.rates, ...plain.quotas]
  let allKnown = plain !== NO_LIMITS
  for (const [id, user] of Object.entries(input.users)) {
    users.set(id, buildUser(id, user, { tenant, path, scope }))
    const chosen = scope.plans.get(user.plan ?? input.plan)
    if (chosen === undefined) allKnown = false
    const limits = [...(chosen?.rates ?? []), ...(chosen?.quotas ?? [])]
    known.push(...limits.filter(({ per }) => per === 'user'))
  }
  // Where a plan is not known, neither are its limits.
  if (allKnown) checkNames(input.overrides, known, common)
  return { plan, users }
}

/** What the tenant may do at all. */
function buildBound(
  { allow }: TenantInput,
  path: Path,
  scope: TenantScope,
): { readonly allow?: readonly Permission[]; readonly isSound: boolean } {
  if (allow === undefined) return { isSound: true }
  let isSound = true
  const report: Report = {
    ...scope.report,
    problem(...told) {
      isSound = false
      scope.report.problem(...told)
    },
  }
  const permissions = buildPermissions(allow, { ...scope, report, path: [...path, 'allow'] })
  return { allow: permissions, isSound }
}

// Only what both allow can be used; in one file, that a key has more is a mistake in either of them.
function checkBound({ permissions, ceiling }: KeyRecord, path: Path, report: Report): void {
  if (ceiling === undefined) return
  for (const { rule, member } of widerThan(ceiling, permissions)) {
    report.problem([...path, rule, member], 'allows more than "allow" of the tenant')
  }
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
