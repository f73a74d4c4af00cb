import type { Tenant } from '../../config/config.ts'
import {
  buildDirectoryPlans,
  buildDirectoryTenant,
  buildDirectoryUser,
} from '../../config/directory/build-entities.ts'
import type { UserSettings } from '../../config/directory/directory-entries.ts'
import type { DirectoryReport } from '../../config/directory/directory-report.ts'
import { documentName } from '../../config/directory/document-name.ts'
import { formatPath, type Problem } from '../../config/problem.ts'
import { createReport } from '../../config/report.ts'
import type { PlanInput } from '../../config/schema-plans.ts'
import type { TenantSettingsInput } from '../../config/schema-tenants.ts'
import { type FieldProblem, GatewayError } from '../../errors.ts'
import type { Plan } from '../../limits/plan.ts'
import type { GatewayContext } from '../context.ts'

type Context = Pick<GatewayContext, 'directory' | 'hashing' | 'live'>

/** Problems of others that an error names. */
const MAX_TOLD = 5

/**
 * All plans as they are with this one in them. Throws `InvalidRequest` for one that the configuration file
 * could not have either. Policies of other plans count: no two may collide in the ledger.
 */
export function plansWith(
  { directory, hashing, live }: Context,
  name: string,
  plan: PlanInput,
): ReadonlyMap<string, Plan> {
  const others = [...directory.entries.plans].filter(([other]) => other !== name)
  const documents = new Map([...others, [name, plan] as const])
  let plans = live.current.plans
  const found = problemsOf(
    (report) => {
      plans = buildDirectoryPlans(documents, { config: live.file, hashing, report })
    },
    { about: documentName({ kind: 'plan', plan: name }) },
  )
  throwProblems(found, ['plans', name])
  return plans
}

/** The tenant, without users. Throws `InvalidRequest` for one that the configuration file could not have. */
export function tenantWith(
  { live, directory }: Pick<Context, 'live' | 'directory'>,
  id: string,
  tenant: TenantSettingsInput,
): Tenant {
  const { plans } = live.current
  // Rules that stay as they are may name a bucket that is gone: a tenant must always be suspendable.
  const before = directory.entries.tenants.get(id)?.allow
  const asWritten = JSON.stringify(tenant.allow) !== JSON.stringify(before)
  let made: Tenant | undefined
  const found = problemsOf((report) => {
    made = buildDirectoryTenant(id, tenant, { config: live.file, plans, report, asWritten })
  })
  throwProblems(found, ['tenants', id])
  if (made === undefined) throw new GatewayError('InternalError', 'Cannot make the tenant')
  return made
}

/**
 * Throws `NoSuchEntity` without its tenant, `InvalidRequest` for a user that the configuration file could
 * not have either, and `AccessDenied` for a plan that the tenant's users may not have.
 */
export function checkUser(
  { live }: Pick<Context, 'live'>,
  {
    tenant: tenantId,
    user: id,
    keepsPlan,
  }: {
    readonly tenant: string
    readonly user: string
    /** It has this plan already: a bound that came later keeps nobody from suspending it. */
    readonly keepsPlan: boolean
  },
  user: UserSettings,
): void {
  const { plans, tenants } = live.current
  const tenant = tenants.get(tenantId)
  if (tenant === undefined) {
    throw new GatewayError('NoSuchEntity', 'Cannot set up the user: there is no such tenant')
  }
  const { plan, claimedPlan, ...settings } = user
  if (plan !== undefined && !keepsPlan && tenant.userPlans?.has(plan) === false) {
    throw new GatewayError(
      'AccessDenied',
      `Cannot set up the user: its tenant may not give the plan "${plan}"`,
      { fields: [{ path: 'plan', message: "is none of the tenant's userPlans" }] },
    )
  }
  // What a token claims is nothing that an operator has got wrong.
  const chosen = plan ?? (plans.has(claimedPlan ?? '') ? claimedPlan : undefined)
  const judged = { ...settings, ...(chosen !== undefined && { plan: chosen }) }
  throwProblems(
    problemsOf((report) => {
      buildDirectoryUser(id, judged, { tenant, plans, report })
    }),
    ['tenants', tenantId, 'users', id],
  )
}

/** What building something finds; `about`: only what is about that document. */
export function problemsOf(
  build: (report: DirectoryReport) => void,
  { about }: { readonly about?: string } = {},
): readonly Problem[] {
  const found: Problem[] = []
  build({
    problems: () => [],
    problemOf: () => undefined,
    clear() {},
    forget() {},
    configured() {},
    unusable() {},
    checked(entity, make) {
      const report = createReport('directory', () => ({ line: 0, column: 0 }))
      const built = make(report)
      const problems = report.problems()
      if (about === undefined || documentName(entity) === about) found.push(...problems)
      return problems.length === 0 ? built : undefined
    },
  })
  return found
}

/** Paths are those of the file; callers know those of their body. */
function throwProblems(problems: readonly Problem[], within: readonly string[]): void {
  if (problems.length === 0) return
  const prefix = formatPath(within)
  const fields = problems.map(({ path, message }): FieldProblem => {
    const inner = path.startsWith(prefix) ? path.slice(prefix.length) : path
    return { path: inner.replace(/\[(\d+)\]/g, '.$1').replace(/^\./, ''), message }
  })
  const named = fields.map(({ path, message }) => `${path || 'it'} ${message}`).slice(0, MAX_TOLD)
  throw new GatewayError('InvalidRequest', `Cannot accept the body: ${named.join('; ')}`, {
    fields,
  })
}
