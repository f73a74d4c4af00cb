import * as z from 'zod'
import type { AuditEvent, AuditKind } from './port.ts'

const text = z.string()
const count = z.int()
const texts = z.array(z.string())

// A record of a newer gateway may have a name that is not known here; it is shown all the same.
const kind = z.string() as unknown as z.ZodType<AuditKind>

/** All members of an event; `satisfies` keeps it from forgetting a new one. */
const MEMBERS = {
  event: kind.describe('What happened'),
  at: z.iso.datetime().describe('RFC 3339, UTC'),
  requestId: z.exactOptional(text),
  tenant: z.exactOptional(text),
  user: z.exactOptional(text),
  keyId: z.exactOptional(text),
  issuer: z.exactOptional(text).describe('Of a token'),
  rule: z.exactOptional(text).describe('The rule that allowed it'),
  grantHash: z
    .exactOptional(text)
    .describe('First 16 hex digits of the SHA-256 of what was signed; never the grant'),
  admin: z.exactOptional(text).describe('Of an operator: "token", or issuer and subject'),
  action: z.exactOptional(text).describe('What an operator did, by its operationId'),
  resource: z.exactOptional(text),
  changed: z.exactOptional(texts).describe('Members that a change makes other ones, by name'),
  values: z
    .exactOptional(z.record(text, z.union([text, z.number(), z.boolean(), z.null()])))
    .describe('What some of them are then, by path; null: taken away'),
  version: z.exactOptional(count).describe('After the change, as in its ETag'),
  uploadId: z.exactOptional(text),
  bucket: z.exactOptional(text),
  store: z.exactOptional(text),
  storeBucket: z.exactOptional(text),
  origins: z.exactOptional(texts),
  keyHash: z.exactOptional(text).describe('First 16 hex digits of the SHA-256 of the object key'),
  sizeBytes: z.exactOptional(count),
  parts: z.exactOptional(count),
  code: z.exactOptional(text).describe('Of a refusal'),
  policies: z.exactOptional(texts),
  shadowPolicies: z.exactOptional(texts),
  expiresAt: z.exactOptional(text),
  adjustmentId: z.exactOptional(text),
  delta: z.exactOptional(count),
  reason: z.exactOptional(text),
  repaired: z.exactOptional(z.object({ counters: count, index: count })),
  reconciled: z.exactOptional(z.record(text, z.union([text, z.number()]))),
} satisfies Record<keyof AuditEvent, z.ZodType>

/** An event as it is kept and shown. Members that are not known are left out. */
export const auditEventSchema = z.object(MEMBERS).meta({ id: 'AuditEvent' })

/** An event read back; `undefined` for what no gateway has written. */
export function parseAuditEvent(value: unknown): AuditEvent | undefined {
  const { success, data } = auditEventSchema.safeParse(value)
  return success ? data : undefined
}
