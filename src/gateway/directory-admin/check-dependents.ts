import type { Tenant } from '../../config/config.ts'
import { buildDirectoryTenant, buildDirectoryUser } from '../../config/directory/build-entities.ts'
import type { UserSettings } from '../../config/directory/directory-entries.ts'
import { type Problem, quote } from '../../config/problem.ts'
import { type ErrorCode, GatewayError } from '../../errors.ts'
import type { Plan } from '../../limits/plan.ts'
import type { GatewayContext } from '../context.ts'
import { problemsOf } from './check-fit.ts'

type Context = Pick<GatewayContext, 'directory' | 'live'>
type Plans = ReadonlyMap<string, Plan>

/** Others that an error names. */
const MAX_TOLD = 5

/**
 * Throws an error of this code when tenants or users of the directory that are sound now would not be with
 * these plans: those of `name`, which is changed or removed.
 */
export function checkPlanDependents(
  { directory, live }: Context,
  { name, plans, code }: { readonly name: string; readonly plans: Plans; readonly code: ErrorCode },
): void {
  const { entries } = directory
  const now = live.current
  const broken: string[] = []
  const changed = new Map<string, Tenant>()
  for (const [id, document] of entries.tenants) {
    const tenant = now.tenants.get(id)
    if (live.file.tenants.has(id) || tenant === undefined) continue
    if (document.plan !== name && document.userPlans?.includes(name) !== true) continue
    const found = problemsOf((report) => {
      const built = buildDirectoryTenant(id, document, { config: live.file, plans, report })
      if (built !== undefined) changed.set(id, built)
    })
    if (found.length > 0) broken.push(`tenant ${quote(id)}: ${told(found)}`)
  }
  for (const [tenantId, users] of entries.users) {
    const tenant = now.tenants.get(tenantId)
    if (tenant === undefined) continue
    const after = changed.get(tenantId)
    const affected = [...users].filter(
      ([, { plan, claimedPlan }]) =>
        after !== undefined || plan === name || (plan === undefined && claimedPlan === name),
    )
    broken.push(...brokenUsers(affected, { before: tenant, after: after ?? tenant, now, plans }))
  }
  throwBroken(broken, code)
}

/** Throws `InvalidRequest` when users that are sound now would not be if their tenant were this one. */
export function checkTenantDependents({ directory, live }: Context, after: Tenant): void {
  const now = live.current
  const before = now.tenants.get(after.id)
  if (before === undefined) return
  const users = directory.entries.users.get(after.id) ?? []
  throwBroken(brokenUsers(users, { before, after, now, plans: now.plans }), 'InvalidRequest')
}

function brokenUsers(
  users: Iterable<readonly [string, UserSettings]>,
  {
    before,
    after,
    now,
    plans,
  }: {
    readonly before: Tenant
    readonly after: Tenant
    readonly now: { readonly plans: Plans }
    readonly plans: Plans
  },
): readonly string[] {
  const broken: string[] = []
  for (const [id, settings] of users) {
    const found = problemsOf((report) => {
      buildDirectoryUser(id, settings, { tenant: after, plans, report })
    })
    if (found.length === 0) continue
    const known = problemsOf((report) => {
      buildDirectoryUser(id, settings, { tenant: before, plans: now.plans, report })
    })
    if (known.length > 0) continue
    broken.push(`user ${quote(id)} of tenant ${quote(after.id)}: ${told(found)}`)
  }
  return broken
}

function told([first]: readonly Problem[]): string {
  return first === undefined ? '' : `${first.path} ${first.message}`
}

function throwBroken(broken: readonly string[], code: ErrorCode): void {
  if (broken.length === 0) return
  const more = broken.length > MAX_TOLD ? ` and ${broken.length - MAX_TOLD} more` : ''
  const names = broken.slice(0, MAX_TOLD).join('; ')
  throw new GatewayError(code, `Cannot change it: it would not fit ${names}${more}`)
}
