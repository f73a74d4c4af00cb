import * as z from 'zod/mini'
import { described, offering } from '../described.ts'
import { PROVIDERS } from '../stores/profile-of.ts'
import { eventsSchema } from './schema-events.ts'
import {
  flag,
  integer,
  list,
  MAX_AMOUNT,
  members,
  oneOf,
  secretSchema,
  text,
} from './schema-values.ts'

const knownSchema = oneOf(['yes', 'no', 'probe'])

/** `stores.*.capabilities`: what the operator knows better than the profile. */
export const capabilitiesSchema = z.partial(
  members({
    signatures: described(
      knownSchema,
      'Requests without a signature, or with a forged one, are refused.',
    ),
    methodBound: described(knownSchema, 'A URL is refused for every method but its own.'),
    expiry: described(knownSchema, 'A URL is refused once it has expired.'),
    signedLength: described(knownSchema, 'A signed content-length binds the size of the body.'),
    signedType: described(knownSchema, 'A signed content-type binds the type.'),
    writeOnce: described(
      oneOf(['if-none-match', 'ignored', 'refused', 'probe']),
      'What If-None-Match: * does on PUT.',
    ),
    ifMatch: described(
      oneOf(['quoted', 'bare', 'ignored', 'refused', 'probe']),
      'What If-Match does on PUT, and whether it wants the ETag in quotes.',
    ),
    unsignedCopySource: described(
      oneOf(['closed', 'open', 'probe']),
      'Whether an unsigned x-amz-copy-source turns a signed PUT into a copy.',
    ),
    writeCredentialReads: described(knownSchema, 'Whether the write credential can read objects.'),
    unsignedHeaders: described(
      oneOf(['reject', 'reject-meta', 'reject-some', 'accept', 'probe']),
      'Whether unsigned x-amz-* headers are refused.',
    ),
    checksumSha256: described(knownSchema, 'A signed x-amz-checksum-sha256 is checked.'),
    payloadHash: described(knownSchema, 'A signed x-amz-content-sha256 is checked.'),
    responseOverrides: described(knownSchema, 'response-content-disposition on GET is honoured.'),
    postPolicy: described(
      knownSchema,
      'POST policy forms work, and all of their conditions are kept.',
    ),
    multipart: described(
      knownSchema,
      "Multipart uploads work, and a part's signed content-length binds its size.",
    ),
    abortEndsParts: described(
      knownSchema,
      'No part is taken once its upload was aborted, not even one that was under way.',
    ),
    writeOnceMultipart: described(
      knownSchema,
      'If-None-Match: * on CompleteMultipartUpload refuses to replace an object.',
    ),
    tagging: described(knownSchema, 'A signed x-amz-tagging is kept.'),
    multipartTagging: described(knownSchema, 'An object of parts has the tags it was begun with.'),
    encryption: described(knownSchema, 'A signed x-amz-server-side-encryption is kept.'),
    contentMd5: described(knownSchema, 'A signed content-md5 is checked.'),
    formHeaders: described(
      knownSchema,
      'Cache-Control, Content-Encoding and Content-Disposition of a form are kept.',
    ),
    fixedHeaders: described(
      z.record(
        z
          .string()
          .check(z.regex(/^[a-z0-9-]{1,64}$/, { error: 'must be a header name in lower case' })),
        text(1024).check(z.regex(/^[!-~](?:[ -~]*[!-~])?$/, { error: 'must be printable ASCII' })),
        { error: 'must be a mapping' },
      ),
      'Headers that are always signed with these values, so that nobody can add others.',
    ),
    brokenKeys: described(
      list(text(64), 0),
      'Keys that contain any of these are not kept as they are.',
    ),
    maxExpiresSeconds: described(integer(1, MAX_AMOUNT), 'Largest X-Amz-Expires, in seconds.'),
    backdateSeconds: described(integer(0, 900), 'By how much X-Amz-Date is backdated, in seconds.'),
    maxPutBytes: described(integer(1, MAX_AMOUNT), 'Largest single PUT, in bytes.'),
    maxParts: described(integer(1, 10_000), 'Most parts of one object.'),
    minPartBytes: described(integer(1, MAX_AMOUNT), 'Smallest part but the last, in bytes.'),
    maxPartBytes: described(integer(1, MAX_AMOUNT), 'Largest part, in bytes.'),
    preferredPartBytes: described(
      integer(1, MAX_AMOUNT),
      'Size of parts, in bytes, while maxParts of it are enough.',
    ),
    maxMetadataValueBytes: described(
      integer(1, MAX_AMOUNT),
      'Longest value of x-amz-meta-*, in bytes.',
    ),
  }),
)

const keyPair = {
  accessKeyId: described(secretSchema, 'Name of the key pair.'),
  secretAccessKey: described(secretSchema, 'Secret of the key pair.'),
  sessionToken: described(z.optional(secretSchema), 'For temporary key pairs.'),
  expiresAt: described(
    z.optional(text(35)),
    'When a temporary key pair ends, like 2026-12-31T23:59:59Z: no grant outlives it. Default: not known.',
  ),
}

/** One key pair of a store. */
export const keyPairSchema = members(keyPair)

/** `stores.*.credentials`: one key pair, or one each for write, read and manage. */
export const credentialsSchema = z.union([
  keyPairSchema,
  members({
    write: described(keyPairSchema, 'Signs uploads. Best if it cannot read.'),
    read: described(keyPairSchema, 'Signs downloads.'),
    manage: described(keyPairSchema, "Makes the gateway's own calls: HEAD, list, delete, abort."),
  }),
])

/** `stores.*`. */
export const storeSchema = members({
  provider: offering(
    described(text(63), 'Name of the profile that says what this kind of store keeps.'),
    PROVIDERS,
  ),
  endpoint: described(
    z.optional(text(2048)),
    "Origin of the gateway's own calls, with no path but the provider's own. Default: the provider's, where it has one.",
  ),
  publicEndpoint: described(
    z.optional(text(2048)),
    'Origin that is signed and that clients use. Default: endpoint.',
  ),
  region: described(
    z.optional(
      text(63).check(z.regex(/^[A-Za-z0-9_-]+$/, { error: 'must be a region, like us-east-1' })),
    ),
    "Region to sign with. Default: the provider's, or us-east-1 where it does not matter.",
  ),
  addressing: described(
    z.optional(oneOf(['path', 'virtual'])),
    "Bucket in the path or in the host name. Default: the provider's first choice.",
  ),
  credentials: described(
    credentialsSchema,
    'One key pair, or one each for write, read and manage.',
  ),
  allowReadableWriteCredential: described(
    z._default(flag(), false),
    'Sign uploads although a holder of the URL might copy what the write credential can read.',
  ),
  maxTransferSeconds: described(
    z._default(integer(1, 604_800), 3_600),
    'How long a transfer that began in time may still run, in seconds.',
  ),
  timeoutMs: described(
    z._default(integer(100, 60_000), 5_000),
    "How long one of the gateway's own calls may take, in milliseconds.",
  ),
  probe: described(
    z._default(oneOf(['auto', 'manual']), 'auto'),
    'auto looks at what the store enforces at start and once a day; manual only when asked to.',
  ),
  maxConcurrentCalls: described(
    z._default(integer(1, 1_000), 64),
    "The gateway's own calls to this store at once; ten times as many may wait.",
  ),
  capacityBytes: described(
    z.optional(integer(1, MAX_AMOUNT)),
    'What Signet may store there, all tenants together, in bytes. Default: no bound.',
  ),
  healthCheckSeconds: described(
    z.optional(integer(0, 3_600)),
    'Time between two looks at how it does, in seconds; 0: none. Default: 5 where objects can go elsewhere, else 60.',
  ),
  capabilities: described(
    z.optional(capabilitiesSchema),
    'What you know this store to do; it replaces what the profile expects.',
  ),
  events: described(
    z.optional(eventsSchema),
    'How its events come in. Default: none are taken, and uploads settle without.',
  ),
})

export type StoreInput = z.output<typeof storeSchema>
export type KeyPairInput = z.output<typeof keyPairSchema>

/** Marks `wholeBucket: true`, which an empty prefix needs. */
export const wholeBucketSchema = described(
  z.optional(flag()),
  'Must be true where an empty prefix is meant: the whole bucket.',
)
