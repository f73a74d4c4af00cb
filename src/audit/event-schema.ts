import * as z from 'zod/mini'
import { described, named } from '../described.ts'
import type { AuditEvent, AuditKind } from './port.ts'

const text = z.string()
const count = z.int()
const texts = z.array(z.string())

// A record of a newer gateway may have a name that is not known here; it is shown all the same.
const kind = z.string() as unknown as z.ZodMiniType<AuditKind>

/** All members of an event; `satisfies` keeps it from forgetting a new one. */
const MEMBERS = {
  event: described(kind, 'What happened'),
  at: described(z.iso.datetime(), 'RFC 3339, UTC'),
  requestId: z.exactOptional(text),
  tenant: z.exactOptional(text),
  user: z.exactOptional(text),
  keyId: z.exactOptional(text),
  issuer: described(z.exactOptional(text), 'Of a token'),
  rule: described(z.exactOptional(text), 'The rule that allowed it'),
  grantHash: described(
    z.exactOptional(text),
    'First 16 hex digits of the SHA-256 of what was signed; never the grant',
  ),
  admin: described(z.exactOptional(text), 'Of an operator: "token", or issuer and subject'),
  action: described(z.exactOptional(text), 'What an operator did, by its operationId'),
  resource: z.exactOptional(text),
  changed: described(z.exactOptional(texts), 'Members that a change makes other ones, by name'),
  values: described(
    z.exactOptional(z.record(text, z.union([text, z.number(), z.boolean(), z.null()]))),
    'What some of them are then, by path; null: taken away',
  ),
  version: described(z.exactOptional(count), 'After the change, as in its ETag'),
  uploadId: z.exactOptional(text),
  bucket: z.exactOptional(text),
  store: z.exactOptional(text),
  storeBucket: z.exactOptional(text),
  origins: z.exactOptional(texts),
  keyHash: described(z.exactOptional(text), 'First 16 hex digits of the SHA-256 of the object key'),
  sizeBytes: z.exactOptional(count),
  parts: z.exactOptional(count),
  code: described(z.exactOptional(text), 'Of a refusal'),
  policies: z.exactOptional(texts),
  shadowPolicies: z.exactOptional(texts),
  expiresAt: z.exactOptional(text),
  adjustmentId: z.exactOptional(text),
  delta: z.exactOptional(count),
  reason: z.exactOptional(text),
  repaired: z.exactOptional(z.object({ counters: count, index: count })),
  reconciled: z.exactOptional(z.record(text, z.union([text, z.number()]))),
} satisfies Record<keyof AuditEvent, z.ZodMiniType>

/** An event as it is kept and shown. Members that are not known are left out. */
export const auditEventSchema = named(z.object(MEMBERS), 'AuditEvent')

/** An event read back; `undefined` for what no gateway has written. */
export function parseAuditEvent(value: unknown): AuditEvent | undefined {
  const { success, data } = auditEventSchema.safeParse(value)
  return success ? data : undefined
}
