import * as z from 'zod/mini'
import { described } from '../described.ts'

const seconds = described(z.int(), 'In seconds')

const algorithm = z.enum(['AES256', 'aws:kms'])

const keysSchema = z.union([
  z.object({ kind: z.literal('template'), template: z.string() }),
  z.object({ kind: z.literal('caller'), callerPrefix: z.string() }),
])

/** Answer of `GET /admin/v1/buckets`. */
export const bucketsSchema = z.object({
  buckets: z.array(
    z.object({
      name: z.string(),
      keys: keysSchema,
      upload: z.object({
        maxSizeBytes: z.int(),
        contentTypes: z.array(z.string()),
        expiresInSeconds: seconds,
        expiresInSecondsMax: seconds,
        mayOutliveCredential: z.boolean(),
        writeOnce: z.optional(z.boolean()),
        oversized: z.enum(['keep', 'delete']),
        altered: z.enum(['keep', 'delete']),
        multipartThresholdBytes: z.int(),
        multipartLifetimeSeconds: seconds,
        strictHeaders: z.boolean(),
        storageClasses: z.array(z.string()),
        tagKeys: z.array(z.string()),
        encryption: z.object({
          default: z.optional(algorithm),
          allowed: z.array(algorithm),
          kmsKeyId: z.optional(z.string()),
        }),
      }),
      download: z.object({
        expiresInSeconds: seconds,
        expiresInSecondsMax: seconds,
        mayOutliveCredential: z.boolean(),
        disposition: z.enum(['attachment', 'inline']),
        stableForSeconds: seconds,
      }),
      placements: z.array(z.object({ store: z.string(), bucket: z.string(), prefix: z.string() })),
    }),
  ),
})
