import * as z from 'zod'
import { ERRORS, type ErrorCode } from '../errors.ts'

/** S3 API: at most seven days. */
const MAX_EXPIRES_SECONDS = 604_800

export const text = (maximum: number) => z.string().min(1).max(maximum)
export const bucketName = text(256).describe('Gateway bucket name')
export const objectKey = z
  .string()
  .describe('Object key: 1 to 1,024 bytes of UTF-8, no control character, no `.` or `..` segment')
export const expiresInSeconds = z
  .int()
  .min(1)
  .max(MAX_EXPIRES_SECONDS)
  .describe('Lifetime of the grant; the bucket has a default and a maximum')
export const timestamp = z.string().describe('RFC 3339, UTC')

export const limitStatusSchema = z
  .object({
    policy: z.string(),
    unit: z.string(),
    limit: z.number(),
    used: z.number(),
    pending: z.number().describe('Reserved by uploads that have not ended'),
    remaining: z.number(),
    resetsAt: timestamp.optional(),
    shadow: z.literal(true).optional().describe('It counts and reports, and refuses nothing'),
  })
  .meta({ id: 'LimitStatus' })

export const violationSchema = z
  .object({
    policy: z.string(),
    unit: z.string(),
    limit: z.number(),
    used: z.number(),
    pending: z.number(),
    requested: z.number(),
    retryAfterSeconds: z.int().optional().describe('Absent when waiting does not help'),
  })
  .meta({ id: 'Violation' })

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
    detail: z.string().optional(),
    requestId: z.string(),
    fields: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    violations: z.array(violationSchema).optional(),
    capability: z.string().optional().describe('What the store does not enforce'),
    rules: z
      .array(
        z.object({
          rule: z.string().describe('Name of the rule, or its place like "allow[0]"'),
          reason: z
            .enum([
              'operation',
              'bucket',
              'prefix',
              'network',
              'contentType',
              'sizeBytes',
              'tenant',
            ])
            .describe(
              'What it does not cover; "tenant": it does, but nothing the tenant may do does',
            ),
        }),
      )
      .optional()
      .describe("Of a dry run: why none of the caller's own rules allows it"),
  })
  .meta({ id: 'Problem' })

export const signedRequestSchema = z
  .object({
    method: z.enum(['GET', 'PUT']),
    url: z.string().describe('A bearer capability: whoever has it may use it until it expires'),
    headers: z.record(z.string(), z.string()).describe('Every header that the client must send'),
  })
  .meta({ id: 'SignedRequest' })

const versionId = text(1024).refine((value) => value.isWellFormed(), 'must be well-formed Unicode')

export const wantedDownloadSchema = z
  .strictObject({
    bucket: bucketName,
    key: objectKey,
    disposition: z.enum(['attachment', 'inline']).optional(),
    filename: z.string().min(1).max(10_240).optional(),
    versionId: versionId.optional(),
    expiresInSeconds: expiresInSeconds.optional(),
    stableForSeconds: z
      .int()
      .min(0)
      .max(MAX_EXPIRES_SECONDS)
      .describe('The URL is the same for this long, for caches; part of the lifetime. 0: a new one')
      .optional(),
  })
  .meta({ id: 'WantedDownload' })

export const wantedDownloadsSchema = z
  .strictObject({ items: z.array(wantedDownloadSchema).min(1).max(1_000) })
  .meta({ id: 'WantedDownloads' })

export const downloadSchema = z
  .object({ request: signedRequestSchema, expiresAt: timestamp })
  .meta({ id: 'Download' })

export const downloadsSchema = z
  .object({ items: z.array(downloadSchema) })
  .meta({ id: 'Downloads' })

export const objectPageSchema = z
  .object({
    objects: z.array(
      z.object({
        key: z.string(),
        sizeBytes: z.int(),
        etag: z.string(),
        lastModified: timestamp,
      }),
    ),
    nextCursor: z.string().optional(),
  })
  .meta({ id: 'ObjectPage' })

export const usageSchema = z
  .object({ tenant: z.string(), user: z.string(), limits: z.array(limitStatusSchema) })
  .meta({ id: 'Usage' })

export const pageLimit = z
  .string()
  .regex(/^[1-9]\d{0,3}$/, 'must be a whole number from 1 to 1000')
  .transform(Number)
  .refine((value) => value <= 1_000, 'must be a whole number from 1 to 1000')

export const listObjectsQuery = z.strictObject({
  prefix: z.string().max(1024).default(''),
  limit: pageLimit.default(100),
  cursor: text(8192).optional(),
})

export const openObjectQuery = z.strictObject({
  disposition: z.enum(['attachment', 'inline']).optional(),
  versionId: versionId.optional(),
})
