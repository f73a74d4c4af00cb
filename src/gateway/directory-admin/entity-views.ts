import { toTimestamp } from '../../clock.ts'
import { allowRule } from '../../config/allow-rule.ts'
import type { Tenant, User } from '../../config/config.ts'
import {
  type DirectoryEntity,
  documentName,
  entityOf,
} from '../../config/directory/document-name.ts'
import type { AllowInput } from '../../config/schema-allow.ts'
import type { Plan } from '../../limits/plan.ts'
import type { GatewayContext } from '../context.ts'
import type { ChangedEntity } from './change-entity.ts'
import type { JsonObject } from './merge-patch.ts'
import { type Standing, standingOf } from './standing.ts'
import { sourceOf, type UserSource } from './user-source.ts'

type Context = Pick<GatewayContext, 'directory' | 'live'>

/** Users and keys that a tenant's view names. */
export const MAX_NAMED = 100

/** What a plan makes of a user or tenant, with all overrides in it. */
export type LimitsView = Pick<Plan, 'rates' | 'quotas'>

/** Members that every view has of what an operator can make. */
interface CommonView {
  readonly source: 'configuration' | 'admin'
  /** Why it is not in force, or what of it is not. */
  readonly problem?: string
}

export interface PlanView extends CommonView, LimitsView {
  readonly name: string
}

export interface TenantView extends CommonView {
  readonly id: string
  readonly plan: string
  readonly timeZone: string
  readonly suspended: boolean
  readonly userPlans?: readonly string[]
  readonly allow?: readonly AllowInput[]
  readonly limits?: LimitsView
  readonly userCount: number
  readonly users: readonly { readonly id: string; readonly plan: string }[]
  readonly keyCount: number
  readonly keys: readonly string[]
  /** What a PUT takes; absent for one of the configuration file. */
  readonly settings?: JsonObject
}

export interface UserView extends Omit<CommonView, 'source'> {
  readonly id: string
  readonly tenant: string
  readonly source: UserSource
  readonly plan?: string
  readonly suspended: boolean
  readonly firstSeenAt?: string
  readonly limits?: LimitsView
  readonly settings?: JsonObject
}

/** A view, and the version of the document that it was made of. */
export interface Versioned<View> {
  readonly view: View
  readonly version: number | undefined
}

/**
 * What the answer to a change shows: what there is, or what was written where somebody else has changed or
 * removed it since.
 */
export function viewOfChange<View>(
  { version, settings }: Pick<ChangedEntity, 'version' | 'settings'>,
  found: Versioned<View> | undefined,
  written: (settings: JsonObject) => View,
): View {
  return found?.version === version ? found.view : written(settings)
}

/** A plan by nothing but its settings. */
export function writtenPlan(name: string, settings: JsonObject): PlanView {
  const { rates = [], quotas = [] } = settings as Partial<LimitsView>
  return { name, source: 'admin', rates, quotas }
}

/** A tenant by nothing but its settings. */
export function writtenTenant(id: string, settings: JsonObject): TenantView {
  return { id, source: 'admin', ...brokenTenant(settings), settings }
}

/** A user by nothing but its settings. */
export function writtenUser(tenant: string, id: string, document: JsonObject): UserView {
  const { firstSeenAtMs: _, claimedPlan: __, ...settings } = document
  const suspended = settings.suspended === true
  return { id, tenant, source: 'admin', suspended, settings }
}

/** Names of plans in force, and of those that cannot be. */
export function planNames(context: Context): ReadonlySet<string> {
  const broken = troubled(context, 'plan').map(({ plan }) => plan)
  return new Set([...context.live.current.plans.keys(), ...broken])
}

/** Ids of tenants in force, and of those that cannot be. */
export function tenantIds(context: Context): ReadonlySet<string> {
  const broken = troubled(context, 'tenant').map(({ tenant }) => tenant)
  return new Set([...context.live.current.tenants.keys(), ...broken])
}

/** Ids of a tenant's users in force, and of those that cannot be. */
export function userIds(context: Context, tenant: string): ReadonlySet<string> {
  const broken = troubled(context, 'user').filter((each) => each.tenant === tenant)
  const known = context.live.current.tenants.get(tenant)?.users.keys() ?? []
  return new Set([...known, ...broken.map(({ user }) => user)])
}

/** A plan; undefined when there is none of this name. */
export function planView(context: Context, name: string): Versioned<PlanView> | undefined {
  const entity = { kind: 'plan', plan: name } as const
  const { source, problem, standing } = origin(context, entity, context.live.file.plans.has(name))
  const plan = context.live.current.plans.get(name)
  if (plan === undefined && standing === undefined) return undefined
  const { rates = [], quotas = [] } = plan ?? (standing?.settings as Partial<LimitsView>) ?? {}
  return {
    view: { name, source, rates, quotas, ...problem },
    version: standing?.version,
  }
}

/** A tenant; undefined when there is none of this id. */
export function tenantView(context: Context, id: string): Versioned<TenantView> | undefined {
  const entity = { kind: 'tenant', tenant: id } as const
  const { source, problem, standing } = origin(context, entity, context.live.file.tenants.has(id))
  const tenant = context.live.current.tenants.get(id)
  if (tenant === undefined && standing === undefined) return undefined
  const { settings, version } = standing ?? {}
  return {
    view: {
      id,
      source,
      ...(tenant === undefined ? brokenTenant(settings ?? {}) : soundTenant(context, tenant)),
      ...(settings !== undefined && { settings }),
      ...problem,
    },
    version,
  }
}

/** A user of a tenant; undefined when there is none of this id. */
export function userView(
  context: Context,
  tenantId: string,
  id: string,
): Versioned<UserView> | undefined {
  const { live, directory } = context
  const entity = { kind: 'user', tenant: tenantId, user: id } as const
  const inFile = live.file.tenants.get(tenantId)?.users.has(id) === true
  const { problem, standing } = origin(context, entity, inFile)
  const user = live.current.tenants.get(tenantId)?.users.get(id)
  if (user === undefined && (standing === undefined || problem === undefined)) return undefined
  const { firstSeenAtMs, claimedPlan: _, ...settings } = standing?.settings ?? {}
  const document = directory.entries.users.get(tenantId)?.get(id)
  return {
    view: {
      id,
      tenant: tenantId,
      source: inFile ? 'configuration' : sourceOf(document ?? {}),
      ...(user === undefined ? { suspended: settings.suspended === true } : soundUser(user)),
      ...(typeof firstSeenAtMs === 'number' && { firstSeenAt: toTimestamp(firstSeenAtMs) }),
      ...(standing?.settings !== undefined && { settings }),
      ...problem,
    },
    version: standing?.version,
  }
}

function soundTenant({ live, directory }: Context, tenant: Tenant) {
  const { allow, userPlans, users } = tenant
  const inForce = live.current.keys
  const made = directory.entries.keyIdsOf(tenant.id).filter((id) => inForce.has(id))
  const keys = [...new Set([...tenant.keys, ...made])]
  return {
    plan: tenant.planName,
    timeZone: tenant.timeZone,
    suspended: tenant.suspended === true,
    ...(userPlans !== undefined && { userPlans: [...userPlans] }),
    ...(allow !== undefined && { allow: allow.map(allowRule) }),
    limits: limitsView(tenant.plan),
    userCount: users.size,
    users: [...users.values()]
      .slice(0, MAX_NAMED)
      .map(({ id, planName }) => ({ id, plan: planName })),
    keyCount: keys.length,
    keys: keys.slice(0, MAX_NAMED),
  }
}

/** One that is not in force, as far as its document tells. */
function brokenTenant({ plan, timeZone, suspended }: JsonObject) {
  return {
    plan: typeof plan === 'string' ? plan : '',
    timeZone: typeof timeZone === 'string' ? timeZone : '',
    suspended: suspended === true,
    userCount: 0,
    users: [],
    keyCount: 0,
    keys: [],
  }
}

function soundUser({ plan, planName, suspended }: User) {
  return { plan: planName, suspended: suspended === true, limits: limitsView(plan) }
}

function limitsView({ rates, quotas }: Plan): LimitsView {
  return { rates, quotas }
}

/** Who sets an entity, how its document stands when that is the directory, and what is wrong with it. */
function origin(
  context: Context,
  entity: DirectoryEntity,
  inFile: boolean,
): {
  readonly source: 'configuration' | 'admin'
  readonly problem: { readonly problem: string } | undefined
  readonly standing: Standing | undefined
} {
  const name = documentName(entity)
  const message = context.directory.problemOf(name)
  const problem = message === undefined ? undefined : { problem: message }
  if (inFile) return { source: 'configuration', problem, standing: undefined }
  const standing = standingOf(context, entity)
  const isThere = standing.text !== undefined && !standing.removed
  return { source: 'admin', problem, standing: isThere ? standing : undefined }
}

/** Entities of a kind whose documents cannot be used, or not all of them. */
function troubled<Kind extends DirectoryEntity['kind']>(
  { directory }: Context,
  kind: Kind,
): readonly Extract<DirectoryEntity, { kind: Kind }>[] {
  return directory.problems().flatMap(({ name }) => {
    const entity = entityOf(name)
    return entity?.kind === kind ? [entity as Extract<DirectoryEntity, { kind: Kind }>] : []
  })
}
