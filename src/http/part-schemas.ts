import * as z from 'zod/mini'
import { described, named } from '../described.ts'
import { expiresInSeconds, signedRequestSchema, text, timestamp } from './schemas.ts'

export const sha256 = z
  .string()
  .check(z.regex(/^[A-Za-z0-9+/]{43}=$/, 'must be base64 of 32 bytes'))

export const partSchema = named(
  z.object({ partNumber: z.int(), sizeBytes: z.int(), request: signedRequestSchema }),
  'Part',
)

export const partsSchema = named(
  z.object({ parts: z.array(partSchema), expiresAt: timestamp }),
  'Parts',
)

export const completeUploadSchema = named(
  z.strictObject({
    parts: z.optional(
      z
        .array(
          z.strictObject({ partNumber: z.int().check(z.gte(1), z.lte(10_000)), etag: text(256) }),
        )
        .check(z.maxLength(10_000)),
    ),
  }),
  'CompleteUpload',
)

const partNumber = z.int().check(z.gte(1), z.lte(10_000))

export const signPartsSchema = named(
  z.strictObject({
    partNumbers: z
      .array(partNumber, {
        error: ({ input }) =>
          input === undefined ? 'must be there, or "from" and "to", or "parts"' : undefined,
      })
      .check(
        z.minLength(1),
        z.maxLength(10_000),
        z.refine(
          (numbers) => new Set(numbers).size === numbers.length,
          'must be different numbers',
        ),
      ),
    expiresInSeconds: z.optional(expiresInSeconds),
  }),
  'SignParts',
)

export const signPartRangeSchema = named(
  z
    .strictObject({
      from: partNumber,
      to: partNumber,
      expiresInSeconds: z.optional(expiresInSeconds),
    })
    .check(
      z.refine(({ from, to }) => from <= to, {
        path: ['to'],
        message: 'must not be less than from',
      }),
    ),
  'SignPartRange',
)

export const signCheckedPartsSchema = named(
  z.strictObject({
    parts: described(
      z.array(z.strictObject({ partNumber, sha256 })).check(
        z.minLength(1),
        z.maxLength(500),
        z.refine(
          (parts) => new Set(parts.map((part) => part.partNumber)).size === parts.length,
          'must have different numbers',
        ),
      ),
      'For an upload with partChecksums',
    ),
    expiresInSeconds: z.optional(expiresInSeconds),
  }),
  'SignCheckedParts',
)
