import * as z from 'zod/mini'
import { compiled } from '../compiled.ts'
import { described, named } from '../described.ts'
import { ERRORS, type ErrorCode } from '../errors.ts'

/** S3 API: at most seven days. */
const MAX_EXPIRES_SECONDS = 604_800

export const text = (maximum: number) => z.string().check(z.minLength(1), z.maxLength(maximum))
export const bucketName = described(text(256), 'Gateway bucket name')
export const objectKey = described(
  z.string(),
  'Object key: 1 to 1,024 bytes of UTF-8, no control character, no `.` or `..` segment',
)
export const expiresInSeconds = described(
  z.int().check(z.gte(1), z.lte(MAX_EXPIRES_SECONDS)),
  'Lifetime of the grant; the bucket has a default and a maximum',
)
export const timestamp = described(z.string(), 'RFC 3339, UTC')

export const limitStatusSchema = named(
  z.object({
    policy: z.string(),
    unit: z.string(),
    limit: z.number(),
    used: z.number(),
    pending: described(z.number(), 'Reserved by uploads that have not ended'),
    remaining: z.number(),
    resetsAt: z.optional(timestamp),
    shadow: described(z.optional(z.literal(true)), 'It counts and reports, and refuses nothing'),
  }),
  'LimitStatus',
)

export const violationSchema = named(
  z.object({
    policy: z.string(),
    unit: z.string(),
    limit: z.number(),
    used: z.number(),
    pending: z.number(),
    requested: z.number(),
    retryAfterSeconds: described(z.optional(z.int()), 'Absent when waiting does not help'),
  }),
  'Violation',
)

export const problemSchema = named(
  z.object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
    detail: z.optional(z.string()),
    requestId: z.string(),
    fields: z.optional(z.array(z.object({ path: z.string(), message: z.string() }))),
    violations: z.optional(z.array(violationSchema)),
    capability: described(z.optional(z.string()), 'What the store does not enforce'),
    rules: described(
      z.optional(
        z.array(
          z.object({
            rule: described(z.string(), 'Name of the rule, or its place like "allow[0]"'),
            reason: described(
              z.enum([
                'operation',
                'bucket',
                'prefix',
                'network',
                'contentType',
                'sizeBytes',
                'tenant',
              ]),
              'What it does not cover; "tenant": it does, but nothing the tenant may do does',
            ),
          }),
        ),
      ),
      "Of a dry run: why none of the caller's own rules allows it",
    ),
  }),
  'Problem',
)

export const signedRequestSchema = named(
  z.object({
    method: z.enum(['GET', 'PUT']),
    url: described(z.string(), 'A bearer capability: whoever has it may use it until it expires'),
    headers: described(z.record(z.string(), z.string()), 'Every header that the client must send'),
  }),
  'SignedRequest',
)

const versionId = text(1024).check(
  z.refine((value) => value.isWellFormed(), 'must be well-formed Unicode'),
)

export const wantedDownloadSchema = named(
  compiled(
    z.strictObject({
      bucket: bucketName,
      key: objectKey,
      disposition: z.optional(z.enum(['attachment', 'inline'])),
      filename: z.optional(z.string().check(z.minLength(1), z.maxLength(10_240))),
      versionId: z.optional(versionId),
      expiresInSeconds: z.optional(expiresInSeconds),
      stableForSeconds: z.optional(
        described(
          z.int().check(z.gte(0), z.lte(MAX_EXPIRES_SECONDS)),
          'The URL is the same for this long, for caches; part of the lifetime. 0: a new one',
        ),
      ),
    }),
  ),
  'WantedDownload',
)

export const wantedDownloadsSchema = named(
  z.strictObject({
    items: z.array(wantedDownloadSchema).check(z.minLength(1), z.maxLength(1_000)),
  }),
  'WantedDownloads',
)

export const downloadSchema = named(
  z.object({ request: signedRequestSchema, expiresAt: timestamp }),
  'Download',
)

export const downloadsSchema = named(z.object({ items: z.array(downloadSchema) }), 'Downloads')

export const objectPageSchema = named(
  z.object({
    objects: z.array(
      z.object({
        key: z.string(),
        sizeBytes: z.int(),
        etag: z.string(),
        lastModified: timestamp,
      }),
    ),
    nextCursor: z.optional(z.string()),
  }),
  'ObjectPage',
)

export const usageSchema = named(
  z.object({ tenant: z.string(), user: z.string(), limits: z.array(limitStatusSchema) }),
  'Usage',
)

export const pageLimit = z
  .pipe(
    z.string().check(z.regex(/^[1-9]\d{0,3}$/, 'must be a whole number from 1 to 1000')),
    z.transform(Number),
  )
  .check(z.refine((value) => value <= 1_000, 'must be a whole number from 1 to 1000'))

export const listObjectsQuery = z.strictObject({
  prefix: z._default(z.string().check(z.maxLength(1024)), ''),
  limit: z._default(pageLimit, 100),
  cursor: z.optional(text(8192)),
})

export const openObjectQuery = z.strictObject({
  disposition: z.optional(z.enum(['attachment', 'inline'])),
  versionId: z.optional(versionId),
})
