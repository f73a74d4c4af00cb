import * as z from 'zod/mini'
import { allowSchema } from '../config/schema-allow.ts'
import { planSchema } from '../config/schema-plans.ts'
import { tenantSettingsSchema, userSchema } from '../config/schema-tenants.ts'
import { idSchema, nameSchema } from '../config/schema-values.ts'
import { described, named } from '../described.ts'
import { ADMIN_PAGE_QUERY, nextCursorSchema } from './admin-page.ts'
import { patchSchema } from './patch-schema.ts'
import { timestamp } from './schemas.ts'

/** Bodies: what the configuration file has, and no more. */
export const planBody = named(planSchema, 'PlanSettings')
export const tenantBody = named(tenantSettingsSchema, 'TenantSettings')
export const tenantPatch = named(patchSchema(tenantSettingsSchema), 'TenantPatch')
export const userBody = named(userSchema, 'UserSettings')
export const userPatch = named(patchSchema(userSchema), 'UserPatch')

const source = z.enum(['configuration', 'admin'])
const userSource = z.enum(['configuration', 'admin', 'seen'])
const suspended = described(z.boolean(), 'Nobody may act for it')
const problem = described(z.optional(z.string()), 'Why what the directory says is not in force')
const seconds = described(z.int(), 'In seconds')
const per = z.enum(['user', 'tenant'])

const limits = {
  rates: z.array(
    z.object({
      policy: z.string(),
      per,
      requests: z.int(),
      windowSeconds: seconds,
      burst: z.optional(z.int()),
      shadow: z.optional(z.boolean()),
    }),
  ),
  quotas: z.array(
    z.object({
      policy: z.string(),
      per,
      unit: z.string(),
      limit: z.int(),
      window: z.optional(z.enum(['minute', 'hour', 'day', 'week', 'month'])),
      shadow: z.optional(z.boolean()),
    }),
  ),
}
const effective = described(z.optional(z.object(limits)), 'With all overrides in them')

export const planAnswer = named(
  z.object({ name: z.string(), source, ...limits, problem }),
  'AdminPlan',
)

export const tenantAnswer = named(
  z.object({
    id: z.string(),
    source,
    plan: z.string(),
    timeZone: z.string(),
    suspended,
    userPlans: described(z.optional(z.array(z.string())), 'Absent: any'),
    allow: described(z.optional(z.array(allowSchema)), 'Absent: no bound'),
    limits: effective,
    userCount: z.int(),
    users: described(z.array(z.object({ id: z.string(), plan: z.string() })), 'The first 100'),
    keyCount: z.int(),
    keys: described(z.array(z.string()), 'Ids of the first 100'),
    settings: described(
      z.optional(tenantSettingsSchema),
      'What a PUT takes; absent for a tenant of the configuration file',
    ),
    problem,
  }),
  'AdminTenant',
)

export const userAnswer = named(
  z.object({
    id: z.string(),
    tenant: z.string(),
    source: described(userSource, 'seen: it came by a token, and nobody has set anything about it'),
    plan: z.optional(z.string()),
    suspended,
    firstSeenAt: z.optional(timestamp),
    limits: effective,
    settings: described(
      z.optional(userSchema),
      'What a PUT takes; absent for a user of the configuration file',
    ),
    problem,
  }),
  'AdminUser',
)

const page = <Item extends z.ZodMiniType>(name: string, item: Item) =>
  z.object({ [name]: z.array(item), nextCursor: nextCursorSchema })

export const plansPage = page('plans', planAnswer)
export const tenantsPage = page('tenants', tenantAnswer)
export const usersPage = page('users', userAnswer)

const flag = z.optional(z.enum(['true', 'false']))

export const plansQuery = z.strictObject({ source: z.optional(source), ...ADMIN_PAGE_QUERY })
export const tenantsQuery = z.strictObject({
  plan: z.optional(nameSchema),
  source: z.optional(source),
  suspended: flag,
  ...ADMIN_PAGE_QUERY,
})
export const usersQuery = z.strictObject({
  plan: z.optional(nameSchema),
  source: z.optional(userSource),
  suspended: flag,
  ...ADMIN_PAGE_QUERY,
})

/** Names in paths of what is to be made. */
export const planPath = z.object({ plan: nameSchema })
export const tenantPath = z.object({ tenant: idSchema })
export const userPath = z.object({ tenant: idSchema, user: idSchema })
