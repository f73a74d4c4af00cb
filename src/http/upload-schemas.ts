import * as z from 'zod/mini'
import { OPERATIONS } from '../auth/principal.ts'
import { compiled } from '../compiled.ts'
import { described, named } from '../described.ts'
import { partSchema, sha256 } from './part-schemas.ts'
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

const guaranteesSchema = named(
  z.object({
    size: z.enum(['exact', 'max']),
    contentType: z.boolean(),
    writeOnce: z.boolean(),
    checksum: z.enum(['none', 'md5', 'sha256']),
    unpinnedHeaders: described(
      z.array(z.string()),
      'Headers that the holder of the grant could add, and the store would keep',
    ),
  }),
  'Guarantees',
)

const formSchema = named(
  z.object({
    url: z.string(),
    fields: described(
      z.record(z.string(), z.string()),
      'Every field of the form, in this order, with exactly these values',
    ),
    fileField: described(z.literal('file'), 'Name of the field with the file, which comes last'),
  }),
  'Form',
)

const multipartSchema = named(
  z.object({
    partSizeBytes: described(z.int(), 'Of every part but the last'),
    partCount: z.int(),
    parts: described(
      z.array(partSchema),
      'The first ones, 100 at most; the rest by /parts. None with partChecksums',
    ),
    partsExpireAt: described(timestamp, 'When these URLs end; the upload goes on until expiresAt'),
  }),
  'Multipart',
)

export const uploadSchema = named(
  z.object({
    id: z.string(),
    status: z.enum(['pending', 'completed', 'aborted', 'expired', 'rejected']),
    bucket: z.string(),
    key: z.string(),
    sizeBytes: z.int(),
    contentType: z.string(),
    createdAt: timestamp,
    expiresAt: described(
      timestamp,
      'When the grant ends; of parts, when the upload must be complete',
    ),
    completedAt: z.optional(timestamp),
    etag: z.optional(z.string()),
    versionId: z.optional(z.string()),
  }),
  'Upload',
)

export const createdUploadSchema = named(
  z.extend(uploadSchema, {
    request: z.optional(signedRequestSchema),
    form: z.optional(formSchema),
    multipart: z.optional(multipartSchema),
    guarantees: guaranteesSchema,
    limits: z.array(limitStatusSchema),
  }),
  'CreatedUpload',
)

export const createdUploadsSchema = named(
  z.object({
    items: z.array(z.omit(createdUploadSchema, { limits: true })),
    limits: z.array(limitStatusSchema),
  }),
  'CreatedUploads',
)

export const explanationSchema = named(
  z.object({
    allowed: z.boolean(),
    allowedBy: described(
      z.array(
        z.object({
          operation: z.enum(OPERATIONS),
          rule: described(z.string(), 'Name of the rule, or its place like "allow[0]"'),
        }),
      ),
      'Each operation that is needed, and which rule of the caller’s allows it',
    ),
    bucket: z.string(),
    key: z.string(),
    form: described(z.enum(['put', 'post', 'multipart']), 'What mode "auto" comes to'),
    guarantees: guaranteesSchema,
    limits: z.array(limitStatusSchema),
    violations: z.array(violationSchema),
    shadowViolations: described(
      z.array(violationSchema),
      'What limits that only count and report would have refused',
    ),
  }),
  'Explanation',
)

const uploadMembers = compiled(
  z.strictObject({
    bucket: bucketName,
    key: z.optional(objectKey),
    filename: z.optional(z.string().check(z.minLength(1), z.maxLength(1024))),
    sizeBytes: z.optional(
      described(z.int().check(z.gte(0), z.lte(MAX_AMOUNT)), 'Exact size of the body'),
    ),
    maxSizeBytes: z.optional(
      described(z.int().check(z.gte(0), z.lte(MAX_AMOUNT)), 'Mode "post" only'),
    ),
    contentType: text(255),
    sha256: z.optional(
      described(sha256, 'Base64; binds the content where the store keeps it, else 422'),
    ),
    md5: z.optional(
      described(
        z.string().check(z.regex(/^[A-Za-z0-9+/]{22}==$/, 'must be base64 of 16 bytes')),
        'Base64; for stores that check Content-MD5 and no SHA-256, else 422',
      ),
    ),
    partChecksums: z.optional(
      described(
        z.boolean(),
        'Mode "multipart" only: every part is signed with its SHA-256, given to /parts',
      ),
    ),
    metadata: z.optional(described(z.record(z.string(), z.string()), 'Becomes x-amz-meta-*')),
    cacheControl: z.optional(described(text(256), 'Stored with the object: Cache-Control')),
    contentEncoding: z.optional(described(text(64), 'Stored with the object: Content-Encoding')),
    disposition: z.optional(
      described(
        z.enum(['attachment', 'inline']),
        'Stored with the object: Content-Disposition, with the filename',
      ),
    ),
    storageClass: z.optional(described(text(64), 'One of those that the bucket offers')),
    tags: z.optional(
      described(
        z.record(z.string(), z.string()),
        'Object tags, at most 10; keys that the bucket offers',
      ),
    ),
    encryption: z.optional(
      described(
        z.enum(['AES256', 'aws:kms']),
        'Server-side encryption, where the bucket offers it; it may have one by itself',
      ),
    ),
    mode: z._default(z.enum(['auto', 'put', 'post', 'multipart']), 'auto'),
    overwrite: described(z._default(z.boolean(), false), 'true needs the permission of that name'),
    expiresInSeconds: z.optional(expiresInSeconds),
  }),
)

type UploadSize = Pick<z.output<typeof uploadMembers>, 'sizeBytes' | 'maxSizeBytes' | 'mode'>

/** The size is exact, or a form's upper bound. */
function checkSize(
  { sizeBytes, maxSizeBytes, mode }: UploadSize,
  refusing: z.core.$RefinementCtx<UploadSize>,
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

export const createUploadSchema = named(
  uploadMembers.check(
    z.superRefine((upload, refusing) => {
      checkSize(upload, refusing)
      if (upload.partChecksums !== undefined && upload.mode !== 'multipart') {
        refusing.addIssue(problemAt('partChecksums', 'is for mode "multipart" only'))
      }
    }),
  ),
  'CreateUpload',
)

export const batchUploadSchema = named(
  z
    .extend(z.omit(uploadMembers, { partChecksums: true }), {
      mode: z._default(
        z.enum(['auto', 'put', 'post'], {
          error: 'must be "auto", "put" or "post": an upload of parts is created on its own',
        }),
        'auto',
      ),
      overwrite: described(
        z._default(
          z.literal(false, { error: 'must be false: an overwrite is created on its own' }),
          false,
        ),
        'An overwrite is created on its own',
      ),
    })
    .check(z.superRefine(checkSize)),
  'BatchUpload',
)

export const createUploadsSchema = named(
  z.strictObject({ items: z.array(batchUploadSchema).check(z.minLength(1), z.maxLength(1_000)) }),
  'CreateUploads',
)

export const uploadPageSchema = named(
  z.object({
    uploads: described(z.array(uploadSchema), 'May be empty on a page that is not the last'),
    nextCursor: described(z.optional(z.string()), 'Absent on the last page'),
  }),
  'UploadPage',
)

export const listUploadsQuery = z.strictObject({
  status: z._default(z.enum(['pending', 'completed', 'aborted', 'expired', 'rejected']), 'pending'),
  limit: z._default(pageLimit, 100),
  cursor: z.optional(text(4096)),
})

export const createUploadQuery = z.strictObject({
  dryRun: z._default(z.enum(['true', 'false']), 'false'),
})
