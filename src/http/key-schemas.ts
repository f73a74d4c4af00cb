import * as z from 'zod/mini'
import { keyIdSchema, keyLabelSchema } from '../config/directory/key-document.ts'
import { parseInstant } from '../config/parse-instant.ts'
import { allowListSchema, allowSchema } from '../config/schema-allow.ts'
import { idSchema, oneOf } from '../config/schema-values.ts'
import { described, named } from '../described.ts'
import { ADMIN_PAGE_QUERY, nextCursorSchema } from './admin-page.ts'
import { text, timestamp } from './schemas.ts'

/** Longest overlap of a rotation, in seconds: 90 days. */
export const MAX_OVERLAP_SECONDS = 7_776_000
/** Overlap of a rotation unless the request has one, in seconds: an hour. */
export const DEFAULT_OVERLAP_SECONDS = 3_600

const instant = z.string().check(
  z.maxLength(40),
  z.refine(
    (value) => parseInstant(value) !== undefined,
    'must be an instant like 2027-01-31T00:00:00Z',
  ),
)
const label = described(keyLabelSchema, 'For people: what the key is for')
const allow = described(
  allowListSchema,
  "What the key may do, as in the configuration; no more than the tenant's own rules allow",
)

/** Body of `POST …/keys`. */
export const createKeySchema = z.strictObject({
  id: described(
    z.optional(keyIdSchema),
    'Letters and digits; never the id of another key, not of a revoked one either. Default: a random one',
  ),
  user: described(idSchema, 'Whom the key acts for: a user of the tenant'),
  allow,
  label: z.optional(label),
  expiresAt: described(z.optional(instant), 'When the key ends, RFC 3339. Default: never'),
})

/** Body of `PATCH …/keys/{key}`. */
export const changeKeySchema = z.strictObject({
  label: described(z.optional(z.nullable(label)), '`null` takes it away'),
  expiresAt: described(z.optional(z.nullable(instant)), 'RFC 3339; `null`: the key does not end'),
  allow: z.optional(allow),
})

/** Body of `POST …/keys/{key}/rotate`. */
export const rotateKeySchema = z.prefault(
  z.strictObject({
    overlapSeconds: described(
      z._default(z.int().check(z.gte(0), z.lte(MAX_OVERLAP_SECONDS)), DEFAULT_OVERLAP_SECONDS),
      'How long the secrets before this one go on; 0: they end at once',
    ),
  }),
  {},
)

const keyFilters = {
  user: z.optional(idSchema),
  status: z.optional(oneOf(['active', 'expired', 'revoked'])),
  pepper: described(
    z.optional(oneOf(['current', 'previous', 'gone'])),
    'Only keys of which a secret that works hangs on this pepper; `previous`: what has to be used or rotated before that pepper is taken away',
  ),
  ...ADMIN_PAGE_QUERY,
}

/** Query of `GET /admin/v1/tenants/{tenant}/keys`. */
export const tenantKeysQuery = z.strictObject(keyFilters)

/** Query of `GET /admin/v1/keys`. */
export const keysQuery = z.strictObject({ tenant: z.optional(idSchema), ...keyFilters })

const shownKey = z.object({
  id: z.string(),
  tenant: z.string(),
  user: z.string(),
  label: z.optional(z.string()),
  source: described(
    z.enum(['configuration', 'admin']),
    'A key of the configuration file is changed there',
  ),
  status: z.enum(['active', 'expired', 'revoked']),
  problem: described(
    z.optional(z.string()),
    'Why it is not in force; it can be revoked, and not changed',
  ),
  allow: described(z.array(allowSchema), 'What the key may do'),
  createdAt: z.optional(timestamp),
  expiresAt: z.optional(timestamp),
  revokedAt: z.optional(timestamp),
  lastUsedAt: described(
    z.optional(timestamp),
    'Beginning of the hour of its last use; absent when it was not used for 400 days, or the store does not tell',
  ),
  secrets: described(
    z.array(
      z.object({
        last4: described(z.optional(z.string()), 'The last characters of the key'),
        createdAt: z.optional(timestamp),
        expiresAt: described(z.optional(timestamp), 'Of a secret that is being replaced'),
        pepperVersion: z.int(),
        pepper: z.enum(['current', 'previous', 'gone']),
      }),
    ),
    'Those that work, newest first',
  ),
})

/** A key as it is shown. */
export const keySchema = named(shownKey, 'ApiKey')

/** A key with its new secret. */
export const issuedKeySchema = named(
  z.extend(shownKey, { secret: described(text(122), 'The API key itself. It is shown this once') }),
  'IssuedApiKey',
)

/** A page of keys. */
export const keyPageSchema = z.object({ keys: z.array(keySchema), nextCursor: nextCursorSchema })
