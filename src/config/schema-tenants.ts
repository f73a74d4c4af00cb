import type * as z from 'zod'
import { allowListSchema } from './schema-allow.ts'
import {
  flag,
  idSchema,
  integer,
  list,
  MAX_AMOUNT,
  mapOf,
  members,
  nameSchema,
  text,
} from './schema-values.ts'

/** `tenants.*.keys[]`. */
export const keySchema = members({
  id: text(64)
    .regex(/^[A-Za-z0-9]+$/, { error: 'must be letters and digits' })
    .describe('The id within the key; unique over all tenants.'),
  user: idSchema.describe('Who the key acts for: one of the users.'),
  hash: text(128).describe('What "signet keys create" printed.'),
  allow: allowListSchema.describe('What the key may do; all else is refused.'),
})

const overridesSchema = mapOf(
  nameSchema,
  members({
    limit: integer(0, MAX_AMOUNT).optional().describe('Of a quota: the most that there may be.'),
    requests: integer(1, 1_000_000_000).optional().describe('Of a rate: requests per window.'),
    windowSeconds: integer(1, 31_622_400)
      .optional()
      .describe('Of a rate: length of the window, in seconds.'),
    burst: integer(1, 1_000_000_000)
      .optional()
      .describe(
        "Of a rate: how many may come at once. Default: the plan's; one that equals the plan's requests follows them.",
      ),
  }),
).optional()

/** `tenants.*.users.*`. */
export const userSchema = members({
  plan: nameSchema.optional().describe("A name from plans. Default: the tenant's."),
  overrides: overridesSchema.describe(
    'Other numbers for this user, by policy; before those of the tenant.',
  ),
  suspended: flag().optional().describe('Nobody may act for this user. Default false.'),
})

const tenantMembers = {
  plan: nameSchema.describe('A name from plans.'),
  timeZone: text(64)
    .default('UTC')
    .describe('IANA time zone in which days, weeks and months begin, like Europe/Berlin.'),
  formerTimeZones: list(
    members({
      zone: text(64).describe('IANA time zone that was in force before.'),
      until: text(40).describe('When that ended: an instant like 2026-12-01T00:00:00Z.'),
    }),
    0,
  )
    .max(16, { error: 'must have at most 16 items' })
    .default([])
    .describe(
      'Time zones before timeZone, in their order. The window that runs at a change lasts to the first boundary of the new zone after its old end. Set it on all gateways before the old end; leave it in until the window is over, for months up to two months.',
    ),
  overrides: overridesSchema.describe(
    'Other numbers for this tenant and its users than their plans have, by policy.',
  ),
  allow: allowListSchema
    .optional()
    .describe(
      'What its users may do at all: one of these rules has to allow it as well as one of the credential. Default: no bound.',
    ),
  userPlans: list(nameSchema, 0)
    .optional()
    .describe("Plans that its users may have beside the tenant's own. Default: any."),
  suspended: flag().optional().describe('Nobody may act for the tenant. Default false.'),
}

/** A tenant without its users and keys. */
export const tenantSettingsSchema = members(tenantMembers)

/** `tenants.*`. */
export const tenantSchema = members({
  ...tenantMembers,
  users: mapOf(idSchema, userSchema).default({}).describe('Users by id.'),
  keys: list(keySchema, 0).default([]).describe('API keys.'),
})

export type TenantInput = z.output<typeof tenantSchema>
export type TenantSettingsInput = z.output<typeof tenantSettingsSchema>
export type UserInput = z.output<typeof userSchema>
export type OverridesInput = TenantInput['overrides']
export type KeyInput = z.output<typeof keySchema>
