import * as z from 'zod/mini'
import { described } from '../described.ts'
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
  id: described(
    text(64).check(z.regex(/^[A-Za-z0-9]+$/, { error: 'must be letters and digits' })),
    'The id within the key; unique over all tenants.',
  ),
  user: described(idSchema, 'Who the key acts for: one of the users.'),
  hash: described(text(128), 'What "signet keys create" printed.'),
  allow: described(allowListSchema, 'What the key may do; all else is refused.'),
})

const overridesSchema = z.optional(
  mapOf(
    nameSchema,
    members({
      limit: described(
        z.optional(integer(0, MAX_AMOUNT)),
        'Of a quota: the most that there may be.',
      ),
      requests: described(z.optional(integer(1, 1_000_000_000)), 'Of a rate: requests per window.'),
      windowSeconds: described(
        z.optional(integer(1, 31_622_400)),
        'Of a rate: length of the window, in seconds.',
      ),
      burst: described(
        z.optional(integer(1, 1_000_000_000)),
        "Of a rate: how many may come at once. Default: the plan's; one that equals the plan's requests follows them.",
      ),
    }),
  ),
)

/** `tenants.*.users.*`. */
export const userSchema = members({
  plan: described(z.optional(nameSchema), "A name from plans. Default: the tenant's."),
  overrides: described(
    overridesSchema,
    'Other numbers for this user, by policy; before those of the tenant.',
  ),
  suspended: described(z.optional(flag()), 'Nobody may act for this user. Default false.'),
})

const tenantMembers = {
  plan: described(nameSchema, 'A name from plans.'),
  timeZone: described(
    z._default(text(64), 'UTC'),
    'IANA time zone in which days, weeks and months begin, like Europe/Berlin.',
  ),
  formerTimeZones: described(
    z._default(
      list(
        members({
          zone: described(text(64), 'IANA time zone that was in force before.'),
          until: described(text(40), 'When that ended: an instant like 2026-12-01T00:00:00Z.'),
        }),
        0,
      ).check(z.maxLength(16, { error: 'must have at most 16 items' })),
      [],
    ),
    'Time zones before timeZone, in their order. The window that runs at a change lasts to the first boundary of the new zone after its old end. Set it on all gateways before the old end; leave it in until the window is over, for months up to two months.',
  ),
  overrides: described(
    overridesSchema,
    'Other numbers for this tenant and its users than their plans have, by policy.',
  ),
  allow: described(
    z.optional(allowListSchema),
    'What its users may do at all: one of these rules has to allow it as well as one of the credential. Default: no bound.',
  ),
  userPlans: described(
    z.optional(list(nameSchema, 0)),
    "Plans that its users may have beside the tenant's own. Default: any.",
  ),
  suspended: described(z.optional(flag()), 'Nobody may act for the tenant. Default false.'),
}

/** A tenant without its users and keys. */
export const tenantSettingsSchema = members(tenantMembers)

/** `tenants.*`. */
export const tenantSchema = members({
  ...tenantMembers,
  users: described(z._default(mapOf(idSchema, userSchema), {}), 'Users by id.'),
  keys: described(z._default(list(keySchema, 0), []), 'API keys.'),
})

export type TenantInput = z.output<typeof tenantSchema>
export type TenantSettingsInput = z.output<typeof tenantSettingsSchema>
export type UserInput = z.output<typeof userSchema>
export type OverridesInput = TenantInput['overrides']
export type KeyInput = z.output<typeof keySchema>
