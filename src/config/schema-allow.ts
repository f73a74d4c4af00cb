import * as z from 'zod/mini'
import { OPERATIONS } from '../auth/principal.ts'
import { described } from '../described.ts'
import { wholeBucketSchema } from './schema-stores.ts'
import {
  anyText,
  boundedList,
  expirySchema,
  integer,
  list,
  MAX_AMOUNT,
  members,
  nameSchema,
  oneOf,
  text,
} from './schema-values.ts'

/** Rules of one key, tenant or issuer. */
export const MAX_ALLOW_RULES = 100
/** Buckets of one rule. */
export const MAX_ALLOWED_BUCKETS = 100
/** Content types of one rule. */
export const MAX_ALLOWED_TYPES = 200
/** Networks of one rule. */
export const MAX_ALLOWED_NETWORKS = 32

/** One allow rule: of a key, of a tenant, or of an issuer's tokens. */
export const allowSchema = members({
  name: described(
    z.optional(nameSchema),
    'What dry runs and the audit log call the rule. Default: its place in the list.',
  ),
  operations: described(
    list(oneOf(OPERATIONS), 1),
    'What may be done; "upload" allows every form of upload, "multipart" alone those in parts.',
  ),
  buckets: described(boundedList(nameSchema, MAX_ALLOWED_BUCKETS), 'Names from buckets.'),
  prefix: described(
    z.optional(anyText(1024)),
    'What keys must start with, compared byte by byte; ends in "/". {tenant} and {user} stand for who asks.',
  ),
  wholeBucket: wholeBucketSchema,
  maxSizeBytes: described(
    z.optional(integer(0, MAX_AMOUNT)),
    "Largest object, in bytes. Default: the bucket's maximum.",
  ),
  contentTypes: described(
    z.optional(boundedList(text(255), MAX_ALLOWED_TYPES)),
    "Allowed content types. Default: the bucket's list.",
  ),
  expiresInSecondsMax: described(
    z.optional(expirySchema),
    "Longest life of a grant, in seconds. Default: the bucket's maximum.",
  ),
  networks: described(
    z.optional(boundedList(text(64), MAX_ALLOWED_NETWORKS)),
    'Networks that requests must come from, like 10.0.0.0/8. Default: any.',
  ),
})

/** `allow` of whatever has rules. */
export const allowListSchema = boundedList(allowSchema, MAX_ALLOW_RULES)

export type AllowInput = z.output<typeof allowSchema>
