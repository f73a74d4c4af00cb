import * as z from 'zod'
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
export const capabilitiesSchema = members({
  signatures: knownSchema.describe(
    'Requests without a signature, or with a forged one, are refused.',
  ),
  methodBound: knownSchema.describe('A URL is refused for every method but its own.'),
  expiry: knownSchema.describe('A URL is refused once it has expired.'),
  signedLength: knownSchema.describe('A signed content-length binds the size of the body.'),
  signedType: knownSchema.describe('A signed content-type binds the type.'),
  writeOnce: oneOf(['if-none-match', 'ignored', 'refused', 'probe']).describe(
    'What If-None-Match: * does on PUT.',
  ),
  ifMatch: oneOf(['quoted', 'bare', 'ignored', 'refused', 'probe']).describe(
    'What If-Match does on PUT, and whether it wants the ETag in quotes.',
  ),
  unsignedCopySource: oneOf(['closed', 'open', 'probe']).describe(
    'Whether an unsigned x-amz-copy-source turns a signed PUT into a copy.',
  ),
  writeCredentialReads: knownSchema.describe('Whether the write credential can read objects.'),
  unsignedHeaders: oneOf(['reject', 'reject-meta', 'reject-some', 'accept', 'probe']).describe(
    'Whether unsigned x-amz-* headers are refused.',
  ),
  checksumSha256: knownSchema.describe('A signed x-amz-checksum-sha256 is checked.'),
  payloadHash: knownSchema.describe('A signed x-amz-content-sha256 is checked.'),
  responseOverrides: knownSchema.describe('response-content-disposition on GET is honoured.'),
  postPolicy: knownSchema.describe('POST policy forms work, and all of their conditions are kept.'),
  multipart: knownSchema.describe(
    "Multipart uploads work, and a part's signed content-length binds its size.",
  ),
  abortEndsParts: knownSchema.describe(
    'No part is taken once its upload was aborted, not even one that was under way.',
  ),
  writeOnceMultipart: knownSchema.describe(
    'If-None-Match: * on CompleteMultipartUpload refuses to replace an object.',
  ),
  tagging: knownSchema.describe('A signed x-amz-tagging is kept.'),
  multipartTagging: knownSchema.describe('An object of parts has the tags it was begun with.'),
  encryption: knownSchema.describe('A signed x-amz-server-side-encryption is kept.'),
  contentMd5: knownSchema.describe('A signed content-md5 is checked.'),
  formHeaders: knownSchema.describe(
    'Cache-Control, Content-Encoding and Content-Disposition of a form are kept.',
  ),
  fixedHeaders: z
    .record(
      z.string().regex(/^[a-z0-9-]{1,64}$/, { error: 'must be a header name in lower case' }),
      text(1024).regex(/^[!-~](?:[ -~]*[!-~])?$/, { error: 'must be printable ASCII' }),
      { error: 'must be a mapping' },
    )
    .describe('Headers that are always signed with these values, so that nobody can add others.'),
  brokenKeys: list(text(64), 0).describe(
    'Keys that contain any of these are not kept as they are.',
  ),
  maxExpiresSeconds: integer(1, MAX_AMOUNT).describe('Largest X-Amz-Expires, in seconds.'),
  backdateSeconds: integer(0, 900).describe('By how much X-Amz-Date is backdated, in seconds.'),
  maxPutBytes: integer(1, MAX_AMOUNT).describe('Largest single PUT, in bytes.'),
  maxParts: integer(1, 10_000).describe('Most parts of one object.'),
  minPartBytes: integer(1, MAX_AMOUNT).describe('Smallest part but the last, in bytes.'),
  maxPartBytes: integer(1, MAX_AMOUNT).describe('Largest part, in bytes.'),
  preferredPartBytes: integer(1, MAX_AMOUNT).describe(
    'Size of parts, in bytes, while maxParts of it are enough.',
  ),
  maxMetadataValueBytes: integer(1, MAX_AMOUNT).describe(
    'Longest value of x-amz-meta-*, in bytes.',
  ),
}).partial()

const keyPair = {
  accessKeyId: secretSchema.describe('Name of the key pair.'),
  secretAccessKey: secretSchema.describe('Secret of the key pair.'),
  sessionToken: secretSchema.optional().describe('For temporary key pairs.'),
  expiresAt: text(35)
    .optional()
    .describe(
      'When a temporary key pair ends, like 2026-12-31T23:59:59Z: no grant outlives it. Default: not known.',
    ),
}

/** One key pair of a store. */
export const keyPairSchema = members(keyPair)

/** `stores.*.credentials`: one key pair, or one each for write, read and manage. */
export const credentialsSchema = z.union([
  keyPairSchema,
  members({
    write: keyPairSchema.describe('Signs uploads. Best if it cannot read.'),
    read: keyPairSchema.describe('Signs downloads.'),
    manage: keyPairSchema.describe("Makes the gateway's own calls: HEAD, list, delete, abort."),
  }),
])

/** `stores.*`. */
export const storeSchema = members({
  provider: text(63)
    .describe('Name of the profile that says what this kind of store keeps.')
    .meta({
      enum: [...PROVIDERS],
    }),
  endpoint: text(2048)
    .optional()
    .describe(
      "Origin of the gateway's own calls, with no path but the provider's own. Default: the provider's, where it has one.",
    ),
  publicEndpoint: text(2048)
    .optional()
    .describe('Origin that is signed and that clients use. Default: endpoint.'),
  region: text(63)
    .regex(/^[A-Za-z0-9_-]+$/, { error: 'must be a region, like us-east-1' })
    .optional()
    .describe(
      "Region to sign with. Default: the provider's, or us-east-1 where it does not matter.",
    ),
  addressing: oneOf(['path', 'virtual'])
    .optional()
    .describe("Bucket in the path or in the host name. Default: the provider's first choice."),
  credentials: credentialsSchema.describe('One key pair, or one each for write, read and manage.'),
  allowReadableWriteCredential: flag()
    .default(false)
    .describe(
      'Sign uploads although a holder of the URL might copy what the write credential can read.',
    ),
  maxTransferSeconds: integer(1, 604_800)
    .default(3_600)
    .describe('How long a transfer that began in time may still run, in seconds.'),
  timeoutMs: integer(100, 60_000)
    .default(5_000)
    .describe("How long one of the gateway's own calls may take, in milliseconds."),
  probe: oneOf(['auto', 'manual'])
    .default('auto')
    .describe(
      'auto looks at what the store enforces at start and once a day; manual only when asked to.',
    ),
  maxConcurrentCalls: integer(1, 1_000)
    .default(64)
    .describe("The gateway's own calls to this store at once; ten times as many may wait."),
  capacityBytes: integer(1, MAX_AMOUNT)
    .optional()
    .describe('What Signet may store there, all tenants together, in bytes. Default: no bound.'),
  healthCheckSeconds: integer(0, 3_600)
    .optional()
    .describe(
      'Time between two looks at how it does, in seconds; 0: none. Default: 5 where objects can go elsewhere, else 60.',
    ),
  capabilities: capabilitiesSchema
    .optional()
    .describe('What you know this store to do; it replaces what the profile expects.'),
  events: eventsSchema
    .optional()
    .describe('How its events come in. Default: none are taken, and uploads settle without.'),
})

export type StoreInput = z.output<typeof storeSchema>
export type KeyPairInput = z.output<typeof keyPairSchema>

/** Marks `wholeBucket: true`, which an empty prefix needs. */
export const wholeBucketSchema = flag()
  .optional()
  .describe('Must be true where an empty prefix is meant: the whole bucket.')
