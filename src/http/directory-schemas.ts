import * as z from 'zod'
import { allowSchema } from '../config/schema-allow.ts'
import { planSchema } from '../config/schema-plans.ts'
import { tenantSettingsSchema, userSchema } from '../config/schema-tenants.ts'
import { idSchema, nameSchema } from '../config/schema-values.ts'
import { ADMIN_PAGE_QUERY, nextCursorSchema } from './admin-page.ts'
import { patchSchema } from './patch-schema.ts'
import { timestamp } from './schemas.ts'

/** Bodies: what the configuration file has, and no more. */
export const planBody = planSchema.meta({ id: 'PlanSettings' })
export const tenantBody = tenantSettingsSchema.meta({ id: 'TenantSettings' })
export const tenantPatch = patchSchema(tenantSettingsSchema).meta({ id: 'TenantPatch' })
export const userBody = userSchema.meta({ id: 'UserSettings' })
export const userPatch = patchSchema(userSchema).meta({ id: 'UserPatch' })

const source = z.enum(['configuration', 'admin'])
const userSource = z.enum(['configuration', 'admin', 'seen'])
const suspended = z.boolean().describe('Nobody may act for it')
const problem = z.string().optional().describe('Why what the directory says is not in force')
const seconds = z.int().describe('In seconds')
const per = z.enum(['user', 'tenant'])

const limits = {
  rates: z.array(
    z.object({
      policy: z.string(),
      per,
      requests: z.int(),
      windowSeconds: seconds,
      burst: z.int().optional(),
      shadow: z.boolean().optional(),
    }),
  ),
  quotas: z.array(
    z.object({
      policy: z.string(),
      per,
      unit: z.string(),
      limit: z.int(),
      window: z.enum(['minute', 'hour', 'day', 'week', 'month']).optional(),
      shadow: z.boolean().optional(),
    }),
  ),
}
const effective = z.object(limits).optional().describe('With all overrides in them')

export const planAnswer = z
  .object({ name: z.string(), source, ...limits, problem })
  .meta({ id: 'AdminPlan' })

export const tenantAnswer = z
  .object({
    id: z.string(),
    source,
    plan: z.string(),
    timeZone: z.string(),
    suspended,
    userPlans: z.array(z.string()).optional().describe('Absent: any'),
    allow: z.array(allowSchema).optional().describe('Absent: no bound'),
    limits: effective,
    userCount: z.int(),
    users: z.array(z.object({ id: z.string(), plan: z.string() })).describe('The first 100'),
    keyCount: z.int(),
    keys: z.array(z.string()).describe('Ids of the first 100'),
    settings: tenantSettingsSchema
      .optional()
      .describe('What a PUT takes; absent for a tenant of the configuration file'),
    problem,
  })
  .meta({ id: 'AdminTenant' })

export const userAnswer = z
  .object({
    id: z.string(),
    tenant: z.string(),
    source: userSource.describe('seen: it came by a token, and nobody has set anything about it'),
    plan: z.string().optional(),
    suspended,
    firstSeenAt: timestamp.optional(),
    limits: effective,
    settings: userSchema
      .optional()
      .describe('What a PUT takes; absent for a user of the configuration file'),
    problem,
  })
  .meta({ id: 'AdminUser' })

const page = <Item extends z.ZodType>(name: string, item: Item) =>
  z.object({ [name]: z.array(item), nextCursor: nextCursorSchema })

export const plansPage = page('plans', planAnswer)
export const tenantsPage = page('tenants', tenantAnswer)
export const usersPage = page('users', userAnswer)

const flag = z.enum(['true', 'false']).optional()

export const plansQuery = z.strictObject({ source: source.optional(), ...ADMIN_PAGE_QUERY })
export const tenantsQuery = z.strictObject({
  plan: nameSchema.optional(),
  source: source.optional(),
  suspended: flag,
  ...ADMIN_PAGE_QUERY,
})
export const usersQuery = z.strictObject({
  plan: nameSchema.optional(),
  source: userSource.optional(),
  suspended: flag,
  ...ADMIN_PAGE_QUERY,
})

/** Names in paths of what is to be made. */
export const planPath = z.object({ plan: nameSchema })
export const tenantPath = z.object({ tenant: idSchema })
export const userPath = z.object({ tenant: idSchema, user: idSchema })
