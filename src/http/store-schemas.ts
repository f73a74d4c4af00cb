import * as z from 'zod'

const signed = z.union([
  z.object({
    signed: z.literal(true),
    guarantees: z.record(z.string(), z.unknown()).optional().describe('As in a grant'),
  }),
  z.object({
    signed: z.literal(false),
    capability: z.string().describe('What is missing, as in the 422'),
    detail: z.string(),
  }),
])

const finding = z.object({
  step: z.int().describe('Of the procedure, 1 to 27'),
  name: z.string().describe('Capability, trait or other fact'),
  value: z.union([z.string(), z.number(), z.boolean(), z.array(z.union([z.string(), z.number()]))]),
  seen: z.string().describe('Requests and answers in a few words'),
  attempts: z.int().optional().describe('How often nothing could be concluded; 2 is enough'),
})

const capabilities = z.record(z.string(), z.unknown()).describe('What it enforces, by capability')
const known = z.enum(['yes', 'no', 'probe'])

const traits = z
  .object({
    regionChecked: known,
    futureSkewSeconds: z.union([z.int(), z.enum(['unchecked', 'unknown'])]),
    writeOnceConflict: z.array(z.int()).describe('Statuses of a write-once PUT that came second'),
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
  })
  .describe('What else is known of it')

const storeBucket = z.object({
  bucket: z.string().describe("The store's own bucket name"),
  capabilities,
  traits,
  signed: z
    .array(
      z.object({
        bucket: z.string().describe('Gateway bucket'),
        put: signed,
        post: signed,
        multipart: signed,
        download: signed,
      }),
    )
    .describe('What a plain request gets, for every gateway bucket with a placement here'),
  lastProbe: z
    .object({
      startedAt: z.string().describe('RFC 3339, UTC'),
      endedAt: z.string().describe('RFC 3339, UTC'),
      fresh: z.boolean().describe('Complete, and not older than a day'),
      complete: z.boolean().describe('Every step came to an end'),
      requests: z.int(),
      bytes: z.int().describe('Sent as bodies'),
      server: z.string().optional().describe('The Server header'),
      clockOffsetSeconds: z.number().optional().describe("The store's clock less the gateway's"),
      findings: z.array(finding),
      leftovers: z.array(z.string()).describe('Keys of the probe that could not be removed'),
    })
    .optional()
    .describe('Absent: nobody has looked'),
})

const health = z.object({
  breaker: z
    .enum(['closed', 'open'])
    .describe('open: it is away: the gateway does not call it, and new objects go elsewhere'),
  inFlight: z.int().describe("The gateway's own calls under way"),
  waiting: z.int().describe('Calls that wait for their turn'),
  timesDown: z.int().describe('How often it was found to be away, since the process knows it'),
  downSince: z.string().optional().describe('RFC 3339, UTC; absent while it answers'),
  lastAnswerAt: z.string().optional().describe('RFC 3339, UTC'),
  lastFailureAt: z.string().optional().describe('RFC 3339, UTC'),
  lastCheck: z
    .object({
      at: z.string().describe('RFC 3339, UTC'),
      outcome: z.enum(['answered', 'failed']),
      status: z.int().optional().describe('Absent where there was no answer'),
      tookMs: z.int(),
    })
    .optional()
    .describe('Signed HEAD of a bucket, to see whether it answers'),
  clockOffsetSeconds: z.number().optional().describe("The store's clock less the gateway's"),
  clockMeasuredAt: z.string().optional().describe('RFC 3339, UTC'),
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
      healthCheckSeconds: z.int().describe('Time between two looks at how it does; 0: none'),
      health,
      buckets: z.array(storeBucket),
    }),
  ),
})

/** Answer of `POST /admin/v1/stores/{store}/probe`. */
export const probedSchema = z.object({
  store: z.string(),
  buckets: z.array(
    storeBucket.extend({
      problem: z.string().optional().describe('Why this bucket could not be probed now'),
    }),
  ),
})
