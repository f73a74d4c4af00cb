import * as z from 'zod'
import { keyIdSchema, keyLabelSchema } from '../config/directory/key-document.ts'
import { parseInstant } from '../config/parse-instant.ts'
import { allowListSchema, allowSchema } from '../config/schema-allow.ts'
import { idSchema, oneOf } from '../config/schema-values.ts'
import { ADMIN_PAGE_QUERY, nextCursorSchema } from './admin-page.ts'
import { text, timestamp } from './schemas.ts'

/** Longest overlap of a rotation, in seconds: 90 days. */
export const MAX_OVERLAP_SECONDS = 7_776_000
/** Overlap of a rotation unless the request has one, in seconds: an hour. */
export const DEFAULT_OVERLAP_SECONDS = 3_600

const instant = z
  .string()
  .max(40)
  .refine(
    (value) => parseInstant(value) !== undefined,
    'must be an instant like 2027-01-31T00:00:00Z',
  )
const label = keyLabelSchema.describe('For people: what the key is for')
const allow = allowListSchema.describe(
  "What the key may do, as in the configuration; no more than the tenant's own rules allow",
)

/** Body of `POST …/keys`. */
export const createKeySchema = z.strictObject({
  id: keyIdSchema
    .optional()
    .describe(
      'Letters and digits; never the id of another key, not of a revoked one either. Default: a random one',
    ),
  user: idSchema.describe('Whom the key acts for: a user of the tenant'),
  allow,
  label: label.optional(),
  expiresAt: instant.optional().describe('When the key ends, RFC 3339. Default: never'),
})

/** Body of `PATCH …/keys/{key}`. */
export const changeKeySchema = z.strictObject({
  label: label.nullable().optional().describe('`null` takes it away'),
  expiresAt: instant.nullable().optional().describe('RFC 3339; `null`: the key does not end'),
  allow: allow.optional(),
})

/** Body of `POST …/keys/{key}/rotate`. */
export const rotateKeySchema = z
  .strictObject({
    overlapSeconds: z
      .int()
      .min(0)
      .max(MAX_OVERLAP_SECONDS)
      .default(DEFAULT_OVERLAP_SECONDS)
      .describe('How long the secrets before this one go on; 0: they end at once'),
  })
  .prefault({})

const keyFilters = {
  user: idSchema.optional(),
  status: oneOf(['active', 'expired', 'revoked']).optional(),
  pepper: oneOf(['current', 'previous', 'gone'])
    .optional()
    .describe(
      'Only keys of which a secret that works hangs on this pepper; `previous`: what has to be used or rotated before that pepper is taken away',
    ),
  ...ADMIN_PAGE_QUERY,
}

/** Query of `GET /admin/v1/tenants/{tenant}/keys`. */
export const tenantKeysQuery = z.strictObject(keyFilters)

/** Query of `GET /admin/v1/keys`. */
export const keysQuery = z.strictObject({ tenant: idSchema.optional(), ...keyFilters })

const shownKey = z.object({
  id: z.string(),
  tenant: z.string(),
  user: z.string(),
  label: z.string().optional(),
  source: z
    .enum(['configuration', 'admin'])
    .describe('A key of the configuration file is changed there'),
  status: z.enum(['active', 'expired', 'revoked']),
  problem: z
    .string()
    .optional()
    .describe('Why it is not in force; it can be revoked, and not changed'),
  allow: z.array(allowSchema).describe('What the key may do'),
  createdAt: timestamp.optional(),
  expiresAt: timestamp.optional(),
  revokedAt: timestamp.optional(),
  lastUsedAt: timestamp
    .optional()
    .describe(
      'Beginning of the hour of its last use; absent when it was not used for 400 days, or the store does not tell',
    ),
  secrets: z
    .array(
      z.object({
        last4: z.string().optional().describe('The last characters of the key'),
        createdAt: timestamp.optional(),
        expiresAt: timestamp.optional().describe('Of a secret that is being replaced'),
        pepperVersion: z.int(),
        pepper: z.enum(['current', 'previous', 'gone']),
      }),
    )
    .describe('Those that work, newest first'),
})

/** A key as it is shown. */
export const keySchema = shownKey.meta({ id: 'ApiKey' })

/** A key with its new secret. */
export const issuedKeySchema = shownKey
  .extend({ secret: text(122).describe('The API key itself. It is shown this once') })
  .meta({ id: 'IssuedApiKey' })

/** A page of keys. */
export const keyPageSchema = z.object({ keys: z.array(keySchema), nextCursor: nextCursorSchema })
