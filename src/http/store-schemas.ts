import * as z from 'zod/mini'
import { described } from '../described.ts'

const signed = z.union([
  z.object({
    signed: z.literal(true),
    guarantees: described(z.optional(z.record(z.string(), z.unknown())), 'As in a grant'),
  }),
  z.object({
    signed: z.literal(false),
    capability: described(z.string(), 'What is missing, as in the 422'),
    detail: z.string(),
  }),
])

const finding = z.object({
  step: described(z.int(), 'Of the procedure, 1 to 27'),
  name: described(z.string(), 'Capability, trait or other fact'),
  value: z.union([z.string(), z.number(), z.boolean(), z.array(z.union([z.string(), z.number()]))]),
  seen: described(z.string(), 'Requests and answers in a few words'),
  attempts: described(z.optional(z.int()), 'How often nothing could be concluded; 2 is enough'),
})

const capabilities = described(z.record(z.string(), z.unknown()), 'What it enforces, by capability')
const known = z.enum(['yes', 'no', 'probe'])

const traits = described(
  z.object({
    regionChecked: known,
    futureSkewSeconds: z.union([z.int(), z.enum(['unchecked', 'unknown'])]),
    writeOnceConflict: described(z.array(z.int()), 'Statuses of a write-once PUT that came second'),
    checksums: z.union([z.array(z.string()), z.literal('probe')]),
    corsApi: known,
    abortRule: known,
    customDomain: known,
    acl: known,
    equalParts: z.boolean(),
    checksumAtCreate: z.boolean(),
    putSizeRange: z.boolean(),
    sessionToken: z.enum(['sts', 'r2', 'jwt', 'none', 'probe']),
    events: z.object({
      shape: z.string(),
      auth: z.string(),
      keys: z.enum(['form', 'raw', 'path']),
      etag: z.boolean(),
      size: z.enum(['always', 'unless-zero', 'never']),
    }),
  }),
  'What else is known of it',
)

const storeBucket = z.object({
  bucket: described(z.string(), "The store's own bucket name"),
  capabilities,
  traits,
  signed: described(
    z.array(
      z.object({
        bucket: described(z.string(), 'Gateway bucket'),
        put: signed,
        post: signed,
        multipart: signed,
        download: signed,
      }),
    ),
    'What a plain request gets, for every gateway bucket with a placement here',
  ),
  lastProbe: described(
    z.optional(
      z.object({
        startedAt: described(z.string(), 'RFC 3339, UTC'),
        endedAt: described(z.string(), 'RFC 3339, UTC'),
        fresh: described(z.boolean(), 'Complete, and not older than a day'),
        complete: described(z.boolean(), 'Every step came to an end'),
        requests: z.int(),
        bytes: described(z.int(), 'Sent as bodies'),
        server: described(z.optional(z.string()), 'The Server header'),
        clockOffsetSeconds: described(
          z.optional(z.number()),
          "The store's clock less the gateway's",
        ),
        findings: z.array(finding),
        leftovers: described(z.array(z.string()), 'Keys of the probe that could not be removed'),
      }),
    ),
    'Absent: nobody has looked',
  ),
})

const health = z.object({
  breaker: described(
    z.enum(['closed', 'open']),
    'open: it is away: the gateway does not call it, and new objects go elsewhere',
  ),
  inFlight: described(z.int(), "The gateway's own calls under way"),
  waiting: described(z.int(), 'Calls that wait for their turn'),
  timesDown: described(z.int(), 'How often it was found to be away, since the process knows it'),
  downSince: described(z.optional(z.string()), 'RFC 3339, UTC; absent while it answers'),
  lastAnswerAt: described(z.optional(z.string()), 'RFC 3339, UTC'),
  lastFailureAt: described(z.optional(z.string()), 'RFC 3339, UTC'),
  lastCheck: described(
    z.optional(
      z.object({
        at: described(z.string(), 'RFC 3339, UTC'),
        outcome: z.enum(['answered', 'failed']),
        status: described(z.optional(z.int()), 'Absent where there was no answer'),
        tookMs: z.int(),
      }),
    ),
    'Signed HEAD of a bucket, to see whether it answers',
  ),
  clockOffsetSeconds: described(z.optional(z.number()), "The store's clock less the gateway's"),
  clockMeasuredAt: described(z.optional(z.string()), 'RFC 3339, UTC'),
})

/** Answer of `GET /admin/v1/stores`. */
export const storesSchema = z.object({
  stores: z.array(
    z.object({
      name: z.string(),
      provider: z.string(),
      endpoint: z.string(),
      publicEndpoint: z.string(),
      region: z.string(),
      addressing: z.enum(['path', 'virtual']),
      allowReadableWriteCredential: z.boolean(),
      probe: z.enum(['auto', 'manual']),
      capabilities,
      traits,
      healthCheckSeconds: described(z.int(), 'Time between two looks at how it does; 0: none'),
      health,
      room: described(
        z.optional(
          z.object({
            capacityBytes: z.int(),
            usedBytes: described(z.optional(z.int()), 'Of objects that are there'),
            pendingBytes: described(z.optional(z.int()), 'Reserved by uploads that have not ended'),
          }),
        ),
        'What Signet keeps there, by the ledger; absent for a store without `capacityBytes`',
      ),
      buckets: z.array(storeBucket),
    }),
  ),
})

/** Answer of `POST /admin/v1/stores/{store}/probe`. */
export const probedSchema = z.object({
  store: z.string(),
  buckets: z.array(
    z.extend(storeBucket, {
      problem: described(z.optional(z.string()), 'Why this bucket could not be probed now'),
    }),
  ),
})
