import * as z from 'zod/mini'
import { described } from '../described.ts'
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
  tenants: described(z.optional(list(idSchema, 1)), 'Ids of tenants.'),
  regions: described(
    z.optional(list(regionSchema, 1)),
    'Where callers are, as server.callerRegion tells.',
  ),
  contentTypes: described(
    z.optional(list(text(127), 1)),
    'Content types, like image/png or image/*.',
  ),
  minSizeBytes: described(z.optional(integer(0, MAX_AMOUNT)), 'At least so many bytes.'),
  maxSizeBytes: described(z.optional(integer(0, MAX_AMOUNT)), 'At most so many bytes.'),
})

const placementSchema = members({
  store: described(nameSchema, 'A name from stores.'),
  bucket: described(
    text(255).check(
      z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/, {
        error: 'must be a bucket name of 2 to 255 of A-Z, a-z, 0-9, ".", "_" and "-"',
      }),
    ),
    "The store's own bucket name.",
  ),
  prefix: described(z._default(anyText(512), ''), 'Put before every key: empty, or ends in "/".'),
  weight: described(
    z.optional(integer(0, 1_000)),
    'Share of new objects with strategy weighted; 0: no new objects. Default: 1.',
  ),
  takes: described(
    z.optional(termsSchema),
    'Which new objects it takes: those for which all of this holds. Default: any.',
  ),
})

const placingSchema = z.prefault(
  members({
    strategy: described(
      z._default(oneOf(['primary', 'weighted']), 'primary'),
      'Order of placements for a new object: as listed, or by weight, each key its own.',
    ),
    whenDown: described(
      z._default(oneOf(['sign', 'refuse']), 'sign'),
      'When all that take an object are down: issue links all the same, or answer 503.',
    ),
  }),
  {},
)

const keysSchema = members({
  template: described(
    z.optional(text(1024)),
    'Signet names the objects: {tenant} {user} {date} {uuid} {filename}, and {key} for a part that callers choose.',
  ),
  callerPrefix: described(
    z.optional(anyText(1024)),
    'Callers name their objects, with whole keys that start with this; {tenant} {user}.',
  ),
  wholeBucket: wholeBucketSchema,
})

const algorithmSchema = oneOf(['AES256', 'aws:kms'])

const encryptionSchema = z.prefault(
  members({
    default: described(
      z.optional(algorithmSchema),
      'Signed where callers ask for nothing. Default: nothing is signed.',
    ),
    allowed: described(
      z._default(list(algorithmSchema, 0), []),
      'What callers may ask for. Default: the default alone.',
    ),
    kmsKeyId: described(
      z.optional(
        text(2048).check(z.regex(/^[!-~]+$/, { error: 'must be printable ASCII without spaces' })),
      ),
      "Key for aws:kms. Default: the store's own.",
    ),
  }),
  {},
)

const uploadSchema = z.prefault(
  members({
    maxSizeBytes: described(
      z._default(integer(1, MAX_AMOUNT), 5 * 2 ** 30),
      'Largest object, in bytes.',
    ),
    contentTypes: described(
      z._default(contentTypesSchema, []),
      'Allowed content types. Empty: all but those that run script (HTML, SVG, XML, JS).',
    ),
    expiresInSeconds: described(
      z.optional(expirySchema),
      'Lifetime of an upload URL when none is asked for. Default: 300.',
    ),
    expiresInSecondsMax: described(
      z.optional(expirySchema),
      'Longest lifetime that callers may ask for. Default: 3,600.',
    ),
    mayOutliveCredential: described(
      z._default(flag(), false),
      'true: grants may end after the token or key that they were given to.',
    ),
    writeOnce: described(
      z.optional(flag()),
      'true: write-once or refused, and no forms; false: never. Default: where the store keeps it, never for forms.',
    ),
    multipartThresholdBytes: described(
      z.optional(integer(5 * 2 ** 20, MAX_AMOUNT)),
      'Mode auto cuts larger objects into parts, in bytes. Default: 67,108,864 (64 MiB).',
    ),
    multipartLifetimeSeconds: described(
      z._default(integer(3_600, 604_800), 86_400),
      'How long an upload in parts can be resumed, in seconds; then it is aborted.',
    ),
    strictHeaders: described(
      z._default(flag(), false),
      'true: refused where a holder of the URL could add x-amz-* headers nobody signed.',
    ),
    storageClasses: described(
      z._default(
        list(
          z.string({ error: 'must be text' }).check(
            z.regex(/^[A-Z0-9_]{1,64}$/, {
              error: 'must be a storage class of 1 to 64 of A-Z, 0-9 and "_", like STANDARD_IA',
            }),
          ),
          0,
        ).check(z.maxLength(32, { error: 'must have at most 32 items' })),
        [],
      ),
      'Storage classes that callers may ask for. Default: none.',
    ),
    tagKeys: described(
      z._default(
        list(
          // S3 API, object tags: letters, digits and spaces of any script, and these signs.
          z.string({ error: 'must be text' }).check(
            z.regex(/^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+@-]{1,128}$/iu, {
              error:
                'must be a tag key of 1 to 128 letters, digits, spaces and _ . : / = + - @, not aws:…',
            }),
          ),
          0,
        ).check(z.maxLength(50, { error: 'must have at most 50 items' })),
        [],
      ),
      'Keys of tags that callers may set, ten in one upload. Default: none.',
    ),
    encryption: described(encryptionSchema, 'How the store encrypts what is uploaded.'),
    oversized: described(
      z._default(oneOf(['keep', 'delete']), 'keep'),
      'What happens to an object that turns out larger than was reserved.',
    ),
    altered: described(
      z._default(oneOf(['keep', 'delete']), 'keep'),
      'What happens to an object sent with unsigned x-amz-* headers: tags, access for others, a redirect, a storage class.',
    ),
  }),
  {},
)

const downloadSchema = z.prefault(
  members({
    expiresInSeconds: described(
      z.optional(expirySchema),
      'Lifetime of a download URL when none is asked for. Default: 300.',
    ),
    expiresInSecondsMax: described(
      z.optional(expirySchema),
      'Longest lifetime that callers may ask for. Default: 3,600.',
    ),
    mayOutliveCredential: described(
      z._default(flag(), false),
      'true: grants may end after the token or key that they were given to.',
    ),
    disposition: described(
      z._default(oneOf(['attachment', 'inline']), 'attachment'),
      'attachment: downloads are saved; inline: callers may ask for display.',
    ),
    stableForSeconds: described(
      z._default(integer(0, 604_799), 0),
      'Downloads share a URL for so many seconds, for caches. 0: each has its own.',
    ),
  }),
  {},
)

/** `buckets.*`. */
export const bucketSchema = members({
  placements: described(
    list(placementSchema, 1).check(z.maxLength(16, { error: 'must have at most 16 items' })),
    'Where objects live.',
  ),
  placing: described(placingSchema, 'Which of several placements a new object goes to.'),
  keys: described(keysSchema, 'How objects get their names: either template or callerPrefix.'),
  upload: described(uploadSchema, 'What may be uploaded.'),
  download: described(downloadSchema, 'How objects are handed out.'),
})

export type BucketInput = z.output<typeof bucketSchema>
