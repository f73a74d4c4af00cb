import * as z from 'zod'
import { wholeBucketSchema } from './schema-stores.ts'
import {
  anyText,
  contentTypesSchema,
  expirySchema,
  flag,
  idSchema,
  integer,
  list,
  MAX_AMOUNT,
  members,
  nameSchema,
  oneOf,
  regionSchema,
  text,
} from './schema-values.ts'

const termsSchema = members({
  tenants: list(idSchema, 1).optional().describe('Ids of tenants.'),
  regions: list(regionSchema, 1)
    .optional()
    .describe('Where callers are, as server.callerRegion tells.'),
  contentTypes: list(text(127), 1).optional().describe('Content types, like image/png or image/*.'),
  minSizeBytes: integer(0, MAX_AMOUNT).optional().describe('At least so many bytes.'),
  maxSizeBytes: integer(0, MAX_AMOUNT).optional().describe('At most so many bytes.'),
})

const placementSchema = members({
  store: nameSchema.describe('A name from stores.'),
  bucket: text(255)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/, {
      error: 'must be a bucket name of 2 to 255 of A-Z, a-z, 0-9, ".", "_" and "-"',
    })
    .describe("The store's own bucket name."),
  prefix: anyText(512).default('').describe('Put before every key: empty, or ends in "/".'),
  weight: integer(0, 1_000)
    .optional()
    .describe('Share of new objects with strategy weighted; 0: no new objects. Default: 1.'),
  takes: termsSchema
    .optional()
    .describe('Which new objects it takes: those for which all of this holds. Default: any.'),
})

const placingSchema = members({
  strategy: oneOf(['primary', 'weighted'])
    .default('primary')
    .describe('Order of placements for a new object: as listed, or by weight, each key its own.'),
  whenDown: oneOf(['sign', 'refuse'])
    .default('sign')
    .describe('When all that take an object are down: issue links all the same, or answer 503.'),
}).prefault({})

const keysSchema = members({
  template: text(1024)
    .optional()
    .describe(
      'Signet names the objects: {tenant} {user} {date} {uuid} {filename}, and {key} for a part that callers choose.',
    ),
  callerPrefix: anyText(1024)
    .optional()
    .describe('Callers name their objects, with whole keys that start with this; {tenant} {user}.'),
  wholeBucket: wholeBucketSchema,
})

const algorithmSchema = oneOf(['AES256', 'aws:kms'])

const encryptionSchema = members({
  default: algorithmSchema
    .optional()
    .describe('Signed where callers ask for nothing. Default: nothing is signed.'),
  allowed: list(algorithmSchema, 0)
    .default([])
    .describe('What callers may ask for. Default: the default alone.'),
  kmsKeyId: text(2048)
    .regex(/^[!-~]+$/, { error: 'must be printable ASCII without spaces' })
    .optional()
    .describe("Key for aws:kms. Default: the store's own."),
}).prefault({})

const uploadSchema = members({
  maxSizeBytes: integer(1, MAX_AMOUNT)
    .default(5 * 2 ** 30)
    .describe('Largest object, in bytes.'),
  contentTypes: contentTypesSchema
    .default([])
    .describe('Allowed content types. Empty: all but those that run script (HTML, SVG, XML, JS).'),
  expiresInSeconds: expirySchema
    .optional()
    .describe('Lifetime of an upload URL when none is asked for. Default: 300.'),
  expiresInSecondsMax: expirySchema
    .optional()
    .describe('Longest lifetime that callers may ask for. Default: 3,600.'),
  mayOutliveCredential: flag()
    .default(false)
    .describe('true: grants may end after the token or key that they were given to.'),
  writeOnce: flag()
    .optional()
    .describe(
      'true: write-once or refused, and no forms; false: never. Default: where the store keeps it, never for forms.',
    ),
  multipartThresholdBytes: integer(5 * 2 ** 20, MAX_AMOUNT)
    .optional()
    .describe('Mode auto cuts larger objects into parts, in bytes. Default: 67,108,864 (64 MiB).'),
  multipartLifetimeSeconds: integer(3_600, 604_800)
    .default(86_400)
    .describe('How long an upload in parts can be resumed, in seconds; then it is aborted.'),
  strictHeaders: flag()
    .default(false)
    .describe('true: refused where a holder of the URL could add x-amz-* headers nobody signed.'),
  storageClasses: list(
    z.string({ error: 'must be text' }).regex(/^[A-Z0-9_]{1,64}$/, {
      error: 'must be a storage class of 1 to 64 of A-Z, 0-9 and "_", like STANDARD_IA',
    }),
    0,
  )
    .max(32, { error: 'must have at most 32 items' })
    .default([])
    .describe('Storage classes that callers may ask for. Default: none.'),
  tagKeys: list(
    // S3 API, object tags: letters, digits and spaces of any script, and these signs.
    z.string({ error: 'must be text' }).regex(/^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+@-]{1,128}$/iu, {
      error: 'must be a tag key of 1 to 128 letters, digits, spaces and _ . : / = + - @, not aws:…',
    }),
    0,
  )
    .max(50, { error: 'must have at most 50 items' })
    .default([])
    .describe('Keys of tags that callers may set, ten in one upload. Default: none.'),
  encryption: encryptionSchema.describe('How the store encrypts what is uploaded.'),
  oversized: oneOf(['keep', 'delete'])
    .default('keep')
    .describe('What happens to an object that turns out larger than was reserved.'),
  altered: oneOf(['keep', 'delete'])
    .default('keep')
    .describe(
      'What happens to an object sent with unsigned x-amz-* headers: tags, access for others, a redirect, a storage class.',
    ),
}).prefault({})

const downloadSchema = members({
  expiresInSeconds: expirySchema
    .optional()
    .describe('Lifetime of a download URL when none is asked for. Default: 300.'),
  expiresInSecondsMax: expirySchema
    .optional()
    .describe('Longest lifetime that callers may ask for. Default: 3,600.'),
  mayOutliveCredential: flag()
    .default(false)
    .describe('true: grants may end after the token or key that they were given to.'),
  disposition: oneOf(['attachment', 'inline'])
    .default('attachment')
    .describe('attachment: downloads are saved; inline: callers may ask for display.'),
  stableForSeconds: integer(0, 604_799)
    .default(0)
    .describe('Downloads share a URL for so many seconds, for caches. 0: each has its own.'),
}).prefault({})

/** `buckets.*`. */
export const bucketSchema = members({
  placements: list(placementSchema, 1)
    .max(16, { error: 'must have at most 16 items' })
    .describe('Where objects live.'),
  placing: placingSchema.describe('Which of several placements a new object goes to.'),
  keys: keysSchema.describe('How objects get their names: either template or callerPrefix.'),
  upload: uploadSchema.describe('What may be uploaded.'),
  download: downloadSchema.describe('How objects are handed out.'),
})

export type BucketInput = z.output<typeof bucketSchema>
