import type * as z from 'zod'
import { wholeBucketSchema } from './schema-stores.ts'
import {
  anyText,
  contentTypesSchema,
  expirySchema,
  flag,
  integer,
  list,
  MAX_AMOUNT,
  members,
  nameSchema,
  oneOf,
  text,
} from './schema-values.ts'

const placementSchema = members({
  store: nameSchema.describe('A name from stores.'),
  bucket: text(255)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/, {
      error: 'must be a bucket name of 2 to 255 of A-Z, a-z, 0-9, ".", "_" and "-"',
    })
    .describe("The store's own bucket name."),
  prefix: anyText(512).default('').describe('Put before every key: empty, or ends in "/".'),
})

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
  writeOnce: flag()
    .optional()
    .describe('true: write-once or refused; false: never. Default: where the store keeps it.'),
  multipartThresholdBytes: integer(5 * 2 ** 20, MAX_AMOUNT)
    .default(64 * 2 ** 20)
    .describe('For multipart uploads, in bytes. This version has none and does not read it.'),
  oversized: oneOf(['keep', 'delete'])
    .default('keep')
    .describe('What happens to an object that turns out larger than was reserved.'),
}).prefault({})

const downloadSchema = members({
  expiresInSeconds: expirySchema
    .optional()
    .describe('Lifetime of a download URL when none is asked for. Default: 300.'),
  expiresInSecondsMax: expirySchema
    .optional()
    .describe('Longest lifetime that callers may ask for. Default: 3,600.'),
  disposition: oneOf(['attachment', 'inline'])
    .default('attachment')
    .describe('attachment: downloads are saved; inline: callers may ask for display.'),
}).prefault({})

/** `buckets.*`. */
export const bucketSchema = members({
  placements: list(placementSchema, 1).describe('Where objects live; new ones go to the first.'),
  keys: keysSchema.describe('How objects get their names: either template or callerPrefix.'),
  upload: uploadSchema.describe('What may be uploaded.'),
  download: downloadSchema.describe('How objects are handed out.'),
})

export type BucketInput = z.output<typeof bucketSchema>
