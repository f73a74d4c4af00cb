import * as z from 'zod'
import { OPERATIONS } from '../auth/principal.ts'
import {
  bucketName,
  expiresInSeconds,
  limitStatusSchema,
  objectKey,
  pageLimit,
  signedRequestSchema,
  text,
  timestamp,
  violationSchema,
} from './schemas.ts'

const MAX_AMOUNT = 2 ** 50
const sha256 = z.string().regex(/^[A-Za-z0-9+/]{43}=$/, 'must be base64 of 32 bytes')

const guaranteesSchema = z
  .object({
    size: z.enum(['exact', 'max']),
    contentType: z.boolean(),
    writeOnce: z.boolean(),
    checksum: z.enum(['none', 'md5', 'sha256']),
    unpinnedHeaders: z
      .array(z.string())
      .describe('Headers that the holder of the grant could add, and the store would keep'),
  })
  .meta({ id: 'Guarantees' })

const partSchema = z
  .object({ partNumber: z.int(), sizeBytes: z.int(), request: signedRequestSchema })
  .meta({ id: 'Part' })

const formSchema = z
  .object({
    url: z.string(),
    fields: z
      .record(z.string(), z.string())
      .describe('Every field of the form, in this order, with exactly these values'),
    fileField: z.literal('file').describe('Name of the field with the file, which comes last'),
  })
  .meta({ id: 'Form' })

const multipartSchema = z
  .object({
    partSizeBytes: z.int().describe('Of every part but the last'),
    partCount: z.int(),
    parts: z
      .array(partSchema)
      .describe('The first ones, 100 at most; the rest by /parts. None with partChecksums'),
    partsExpireAt: timestamp.describe('When these URLs end; the upload goes on until expiresAt'),
  })
  .meta({ id: 'Multipart' })

export const uploadSchema = z
  .object({
    id: z.string(),
    status: z.enum(['pending', 'completed', 'aborted', 'expired', 'rejected']),
    bucket: z.string(),
    key: z.string(),
    sizeBytes: z.int(),
    contentType: z.string(),
    createdAt: timestamp,
    expiresAt: timestamp.describe(
      'When the grant ends; of parts, when the upload must be complete',
    ),
    completedAt: timestamp.optional(),
    etag: z.string().optional(),
    versionId: z.string().optional(),
  })
  .meta({ id: 'Upload' })

export const createdUploadSchema = uploadSchema
  .extend({
    request: signedRequestSchema.optional(),
    form: formSchema.optional(),
    multipart: multipartSchema.optional(),
    guarantees: guaranteesSchema,
    limits: z.array(limitStatusSchema),
  })
  .meta({ id: 'CreatedUpload' })

export const createdUploadsSchema = z
  .object({
    items: z.array(createdUploadSchema.omit({ limits: true })),
    limits: z.array(limitStatusSchema),
  })
  .meta({ id: 'CreatedUploads' })

export const partsSchema = z
  .object({ parts: z.array(partSchema), expiresAt: timestamp })
  .meta({ id: 'Parts' })

export const explanationSchema = z
  .object({
    allowed: z.boolean(),
    allowedBy: z
      .array(
        z.object({
          operation: z.enum(OPERATIONS),
          rule: z.string().describe('Name of the rule, or its place like "allow[0]"'),
        }),
      )
      .describe('Each operation that is needed, and which rule of the caller’s allows it'),
    bucket: z.string(),
    key: z.string(),
    form: z.enum(['put', 'post', 'multipart']).describe('What mode "auto" comes to'),
    guarantees: guaranteesSchema,
    limits: z.array(limitStatusSchema),
    violations: z.array(violationSchema),
    shadowViolations: z
      .array(violationSchema)
      .describe('What limits that only count and report would have refused'),
  })
  .meta({ id: 'Explanation' })

const uploadMembers = z.strictObject({
  bucket: bucketName,
  key: objectKey.optional(),
  filename: z.string().min(1).max(1024).optional(),
  sizeBytes: z.int().min(0).max(MAX_AMOUNT).describe('Exact size of the body').optional(),
  maxSizeBytes: z.int().min(0).max(MAX_AMOUNT).describe('Mode "post" only').optional(),
  contentType: text(255),
  sha256: sha256
    .describe('Base64; binds the content where the store keeps it, else 422')
    .optional(),
  md5: z
    .string()
    .regex(/^[A-Za-z0-9+/]{22}==$/, 'must be base64 of 16 bytes')
    .describe('Base64; for stores that check Content-MD5 and no SHA-256, else 422')
    .optional(),
  partChecksums: z
    .boolean()
    .describe('Mode "multipart" only: every part is signed with its SHA-256, given to /parts')
    .optional(),
  metadata: z.record(z.string(), z.string()).describe('Becomes x-amz-meta-*').optional(),
  cacheControl: text(256).describe('Stored with the object: Cache-Control').optional(),
  contentEncoding: text(64).describe('Stored with the object: Content-Encoding').optional(),
  disposition: z
    .enum(['attachment', 'inline'])
    .describe('Stored with the object: Content-Disposition, with the filename')
    .optional(),
  storageClass: text(64).describe('One of those that the bucket offers').optional(),
  tags: z
    .record(z.string(), z.string())
    .describe('Object tags, at most 10; keys that the bucket offers')
    .optional(),
  encryption: z
    .enum(['AES256', 'aws:kms'])
    .describe('Server-side encryption, where the bucket offers it; it may have one by itself')
    .optional(),
  mode: z.enum(['auto', 'put', 'post', 'multipart']).default('auto'),
  overwrite: z.boolean().default(false).describe('true needs the permission of that name'),
  expiresInSeconds: expiresInSeconds.optional(),
})

type UploadSize = Pick<z.output<typeof uploadMembers>, 'sizeBytes' | 'maxSizeBytes' | 'mode'>

/** The size is exact, or a form's upper bound. */
function checkSize(
  { sizeBytes, maxSizeBytes, mode }: UploadSize,
  refusing: z.RefinementCtx<UploadSize>,
): void {
  const post = mode === 'post'
  if (maxSizeBytes !== undefined && !post) {
    refusing.addIssue(problemAt('maxSizeBytes', 'is for mode "post" only'))
  }
  if (maxSizeBytes !== undefined && sizeBytes !== undefined) {
    refusing.addIssue(problemAt('maxSizeBytes', 'cannot stand beside sizeBytes'))
  }
  if (sizeBytes === undefined && (!post || maxSizeBytes === undefined)) {
    const message = 'is required: the exact size of the body, in bytes'
    refusing.addIssue(problemAt('sizeBytes', message))
  }
}

function problemAt(path: string, message: string) {
  return { code: 'custom' as const, path: [path], message }
}

export const createUploadSchema = uploadMembers
  .superRefine((upload, refusing) => {
    checkSize(upload, refusing)
    if (upload.partChecksums !== undefined && upload.mode !== 'multipart') {
      refusing.addIssue(problemAt('partChecksums', 'is for mode "multipart" only'))
    }
  })
  .meta({ id: 'CreateUpload' })

export const batchUploadSchema = uploadMembers
  .omit({ partChecksums: true })
  .extend({
    mode: z
      .enum(['auto', 'put', 'post'], {
        error: 'must be "auto", "put" or "post": an upload of parts is created on its own',
      })
      .default('auto'),
    overwrite: z
      .literal(false, { error: 'must be false: an overwrite is created on its own' })
      .default(false)
      .describe('An overwrite is created on its own'),
  })
  .superRefine(checkSize)
  .meta({ id: 'BatchUpload' })

export const createUploadsSchema = z
  .strictObject({ items: z.array(batchUploadSchema).min(1).max(1_000) })
  .meta({ id: 'CreateUploads' })

export const completeUploadSchema = z
  .strictObject({
    parts: z
      .array(z.strictObject({ partNumber: z.int().min(1).max(10_000), etag: text(256) }))
      .max(10_000)
      .optional(),
  })
  .meta({ id: 'CompleteUpload' })

const partNumber = z.int().min(1).max(10_000)

export const signPartsSchema = z
  .strictObject({
    partNumbers: z
      .array(partNumber, {
        error: ({ input }) =>
          input === undefined ? 'must be there, or "from" and "to", or "parts"' : undefined,
      })
      .min(1)
      .max(10_000)
      .refine((numbers) => new Set(numbers).size === numbers.length, 'must be different numbers'),
    expiresInSeconds: expiresInSeconds.optional(),
  })
  .meta({ id: 'SignParts' })

export const signPartRangeSchema = z
  .strictObject({
    from: partNumber,
    to: partNumber,
    expiresInSeconds: expiresInSeconds.optional(),
  })
  .refine(({ from, to }) => from <= to, { path: ['to'], message: 'must not be less than from' })
  .meta({ id: 'SignPartRange' })

export const signCheckedPartsSchema = z
  .strictObject({
    parts: z
      .array(z.strictObject({ partNumber, sha256 }))
      .min(1)
      .max(500)
      .refine(
        (parts) => new Set(parts.map((part) => part.partNumber)).size === parts.length,
        'must have different numbers',
      )
      .describe('For an upload with partChecksums'),
    expiresInSeconds: expiresInSeconds.optional(),
  })
  .meta({ id: 'SignCheckedParts' })

export const uploadPageSchema = z
  .object({
    uploads: z.array(uploadSchema).describe('May be empty on a page that is not the last'),
    nextCursor: z.string().optional().describe('Absent on the last page'),
  })
  .meta({ id: 'UploadPage' })

export const listUploadsQuery = z.strictObject({
  status: z.enum(['pending', 'completed', 'aborted', 'expired', 'rejected']).default('pending'),
  limit: pageLimit.default(100),
  cursor: text(4096).optional(),
})

export const createUploadQuery = z.strictObject({
  dryRun: z.enum(['true', 'false']).default('false'),
})
