import * as z from 'zod'
import { ERRORS, type ErrorCode } from '../errors.ts'

const MAX_AMOUNT = 2 ** 50
/** S3 API: at most seven days. */
const MAX_EXPIRES_SECONDS = 604_800

const text = (maximum: number) => z.string().min(1).max(maximum)
const bucketName = text(256).describe('Gateway bucket name')
const objectKey = z
  .string()
  .describe('Object key: 1 to 1,024 bytes of UTF-8, no control character, no `.` or `..` segment')
const expiresInSeconds = z
  .int()
  .min(1)
  .max(MAX_EXPIRES_SECONDS)
  .describe('Lifetime of the grant; the bucket has a default and a maximum')
const timestamp = z.string().describe('RFC 3339, UTC')

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
  })
  .meta({ id: 'Problem' })

const guaranteesSchema = z
  .object({
    size: z.enum(['exact', 'max']),
    contentType: z.boolean(),
    writeOnce: z.boolean(),
    checksum: z.enum(['none', 'sha256']),
    unpinnedHeaders: z
      .array(z.string())
      .describe('Headers that a holder of the grant could add and the store would keep'),
  })
  .meta({ id: 'Guarantees' })

const signedRequestSchema = z
  .object({
    method: z.enum(['GET', 'PUT']),
    url: z.string().describe('A bearer capability: whoever has it may use it until it expires'),
    headers: z.record(z.string(), z.string()).describe('Every header that the client must send'),
  })
  .meta({ id: 'SignedRequest' })

export const uploadSchema = z
  .object({
    id: z.string(),
    status: z.enum(['pending', 'completed', 'aborted', 'expired', 'rejected']),
    bucket: z.string(),
    key: z.string(),
    sizeBytes: z.int(),
    contentType: z.string(),
    createdAt: timestamp,
    expiresAt: timestamp.describe('When the grant ends'),
    completedAt: timestamp.optional(),
    etag: z.string().optional(),
    versionId: z.string().optional(),
  })
  .meta({ id: 'Upload' })

export const createdUploadSchema = uploadSchema
  .extend({
    request: signedRequestSchema.optional(),
    guarantees: guaranteesSchema,
    limits: z.array(limitStatusSchema),
  })
  .meta({ id: 'CreatedUpload' })

export const explanationSchema = z
  .object({
    allowed: z.boolean(),
    bucket: z.string(),
    key: z.string(),
    guarantees: guaranteesSchema,
    limits: z.array(limitStatusSchema),
    violations: z.array(violationSchema),
    shadowViolations: z
      .array(violationSchema)
      .describe('What limits that only count and report would have refused'),
  })
  .meta({ id: 'Explanation' })

export const createUploadSchema = z
  .strictObject({
    bucket: bucketName,
    key: objectKey.optional(),
    filename: z.string().min(1).max(1024).optional(),
    sizeBytes: z.int().min(0).max(MAX_AMOUNT).describe('Exact size of the body').optional(),
    maxSizeBytes: z.int().min(0).max(MAX_AMOUNT).describe('Mode "post" only').optional(),
    contentType: text(255),
    sha256: z
      .string()
      .regex(/^[A-Za-z0-9+/]{43}=$/, 'must be base64 of 32 bytes')
      .describe('Base64; binds the content where the store keeps it, else 422')
      .optional(),
    metadata: z.record(z.string(), z.string()).describe('Becomes x-amz-meta-*').optional(),
    mode: z.enum(['auto', 'put', 'post', 'multipart']).default('auto'),
    overwrite: z.boolean().default(false).describe('true needs the permission of that name'),
    expiresInSeconds: expiresInSeconds.optional(),
  })
  .superRefine((upload, refusing) => {
    const problem = (path: string, message: string) =>
      refusing.addIssue({ code: 'custom', path: [path], message })
    const post = upload.mode === 'post'
    if (upload.maxSizeBytes !== undefined && !post) {
      problem('maxSizeBytes', 'is for mode "post" only')
    }
    if (upload.maxSizeBytes !== undefined && upload.sizeBytes !== undefined) {
      problem('maxSizeBytes', 'cannot stand beside sizeBytes')
    }
    if (upload.sizeBytes === undefined && (!post || upload.maxSizeBytes === undefined)) {
      problem('sizeBytes', 'is required: the exact size of the body, in bytes')
    }
  })
  .meta({ id: 'CreateUpload' })

export const completeUploadSchema = z
  .strictObject({
    parts: z
      .array(z.strictObject({ partNumber: z.int().min(1).max(10_000), etag: text(256) }))
      .max(10_000)
      .optional(),
  })
  .meta({ id: 'CompleteUpload' })

export const signPartsSchema = z
  .union([
    z.strictObject({
      partNumbers: z
        .array(z.int().min(1).max(10_000))
        .min(1)
        .max(1_000)
        .refine((numbers) => new Set(numbers).size === numbers.length, 'must be different numbers'),
    }),
    z
      .strictObject({ from: z.int().min(1).max(10_000), to: z.int().min(1).max(10_000) })
      .refine(({ from, to }) => from <= to, 'must not begin after its end'),
  ])
  .meta({ id: 'SignParts' })

export const wantedDownloadSchema = z
  .strictObject({
    bucket: bucketName,
    key: objectKey,
    disposition: z.enum(['attachment', 'inline']).optional(),
    filename: z.string().min(1).max(10_240).optional(),
    versionId: text(1024)
      .refine((value) => value.isWellFormed(), 'must be well-formed Unicode')
      .optional(),
    expiresInSeconds: expiresInSeconds.optional(),
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

export const uploadPageSchema = z
  .object({ uploads: z.array(uploadSchema), nextCursor: z.string().optional() })
  .meta({ id: 'UploadPage' })

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

const pageLimit = z
  .string()
  .regex(/^[1-9]\d{0,3}$/, 'must be a whole number from 1 to 1000')
  .transform(Number)
  .refine((value) => value <= 1_000, 'must be a whole number from 1 to 1000')

export const listUploadsQuery = z.strictObject({
  status: z.enum(['pending', 'completed', 'aborted', 'expired', 'rejected']).default('pending'),
  limit: pageLimit.default(100),
  cursor: text(4096).optional(),
})

export const listObjectsQuery = z.strictObject({
  prefix: z.string().max(1024).default(''),
  limit: pageLimit.default(100),
  cursor: text(8192).optional(),
})

export const createUploadQuery = z.strictObject({
  dryRun: z.enum(['true', 'false']).default('false'),
})

export const openObjectQuery = z.strictObject({
  disposition: z.enum(['attachment', 'inline']).optional(),
})
