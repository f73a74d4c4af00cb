import type { Hashing } from '../../hashing.ts'
import type { Plan } from '../../limits/plan.ts'
import { buildPlan, type LimitIds, limitIdOf } from '../build-plan.ts'
import { buildTenant } from '../build-tenant.ts'
import { buildUser } from '../build-user.ts'
import type { Config, Tenant, User } from '../config.ts'
import type { PlanInput } from '../schema-plans.ts'
import type { TenantSettingsInput } from '../schema-tenants.ts'
import type { UserSettings } from './directory-entries.ts'
import type { DirectoryReport } from './directory-report.ts'
import { reachableRules } from './reachable-rules.ts'

interface BuildScope {
  readonly config: Config
  readonly plans: ReadonlyMap<string, Plan>
  readonly report: DirectoryReport
}

/** The plans of the file and, beside them, those of the directory. */
export function buildDirectoryPlans(
  documents: ReadonlyMap<string, PlanInput>,
  {
    config,
    hashing,
    report,
  }: { readonly config: Config; readonly hashing: Hashing; readonly report: DirectoryReport },
): ReadonlyMap<string, Plan> {
  if (documents.size === 0) return config.plans
  const plans = new Map(config.plans)
  const limitIds: LimitIds = new Map()
  for (const { rates, quotas } of config.plans.values()) {
    for (const { policy } of [...rates, ...quotas]) limitIds.set(limitIdOf(hashing, policy), policy)
  }
  for (const [name, document] of documents) {
    const entity = { kind: 'plan', plan: name } as const
    if (config.plans.has(name)) {
      report.configured(entity)
      continue
    }
    const plan = report.checked(entity, (part) =>
      buildPlan(name, document, { report: part, hashing, limitIds }),
    )
    if (plan !== undefined) plans.set(name, Object.freeze(plan))
  }
  return plans
}

/**
 * A tenant of the directory, without users. With `asWritten` a bucket that its rules name and that is not
 * there is a problem, as in a file; without, it just cannot be reached.
 */
export function buildDirectoryTenant(
  id: string,
  document: TenantSettingsInput,
  { config, plans, report, asWritten = false }: BuildScope & { readonly asWritten?: boolean },
): Tenant | undefined {
  const bucketNames = new Set(config.buckets.keys())
  // Without any that can be reached it is an empty list, by which nothing is allowed.
  const allow =
    asWritten || document.allow === undefined
      ? document.allow
      : reachableRules(document.allow, bucketNames)
  return report.checked({ kind: 'tenant', tenant: id }, (part) =>
    buildTenant(
      id,
      { ...document, allow, users: {}, keys: [] },
      {
        scope: {
          plans,
          planNames: new Set(plans.keys()),
          buckets: config.buckets,
          bucketNames,
          pepper: undefined,
          report: part,
        },
        keys: new Map(),
      },
    ),
  )
}

/**
 * A user of the directory. Its plan is the one that an operator has set, else the one that its token
 * asked for, else the tenant's.
 */
export function buildDirectoryUser(
  id: string,
  { claimedPlan, ...settings }: UserSettings,
  { tenant, plans, report }: { readonly tenant: Tenant } & Omit<BuildScope, 'config'>,
): User | undefined {
  const plan = settings.plan ?? claimedPlan
  const input = { ...settings, ...(plan !== undefined && { plan }) }
  return report.checked({ kind: 'user', tenant: tenant.id, user: id }, (part) => {
    const scope = { plans, planNames: new Set(plans.keys()), report: part }
    return buildUser(id, input, { tenant, path: ['tenants', tenant.id], scope })
  })
}
