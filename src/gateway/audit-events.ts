import type { AuditEvent } from '../audit/port.ts'
import type { Principal } from '../auth/principal.ts'
import { toTimestamp } from '../clock.ts'
import { type ErrorCode, GatewayError } from '../errors.ts'
import type { Hashing } from '../hashing.ts'
import type { UploadAllowance } from './authorize-upload.ts'
import type { GatewayContext } from './context.ts'
import { uploadGrantHash } from './grant-hash.ts'
import type { AdjustNote, UploadNote } from './reservation-note.ts'
import type { UploadGrant } from './upload-grant.ts'

interface Asked {
  readonly principal: Principal
  readonly requestId: string
  readonly wanted: { readonly bucket: string; readonly sizeBytes?: number }
}

/** Which operator's request something comes from; nothing of what a gateway does by itself. */
export interface AskedBy {
  readonly requestId?: string
  /** Who: "token", or issuer and subject. */
  readonly admin?: string
}

/** First 16 hex digits of SHA-256(key): enough to find an event, too little to name an object. */
export function keyHash(hashing: Hashing, key: string): string {
  return hashing.sha256Hex(key).slice(0, 16)
}

/** The members of an event that tell who asked. */
export function actor(
  principal: Principal,
): Pick<AuditEvent, 'tenant' | 'user' | 'keyId' | 'issuer'> {
  const { tenant, user, keyId, issuer } = principal
  return {
    tenant,
    user,
    ...(keyId !== undefined && { keyId }),
    ...(issuer !== undefined && { issuer }),
  }
}

/** The rule that allowed an upload; of an overwrite, which needs two, the one for the upload. */
export function ruleOf({ allowedBy: [first] }: UploadAllowance): Pick<AuditEvent, 'rule'> {
  return first === undefined ? {} : { rule: first.rule }
}

/** The event of a granted upload. */
export function uploadGranted(
  context: Pick<GatewayContext, 'clock' | 'hashing'>,
  {
    principal,
    requestId,
    allowance,
  }: Omit<Asked, 'wanted'> & { readonly allowance: UploadAllowance },
  uploadId: string,
  note: UploadNote,
  grant: UploadGrant,
): AuditEvent {
  const grantHash = uploadGrantHash(context.hashing, grant)
  return {
    event: 'upload.granted',
    at: toTimestamp(context.clock.nowMs()),
    requestId,
    ...actor(principal),
    ...ruleOf(allowance),
    uploadId,
    bucket: note.bucket,
    keyHash: keyHash(context.hashing, note.key),
    sizeBytes: note.sizeBytes,
    ...(grant.form === 'multipart' && { parts: grant.parts.length }),
    ...(grantHash !== undefined && { grantHash }),
    expiresAt: toTimestamp(grant.expiresAtMs),
  }
}

/** An event of an adjustment: what was asked for, before it is posted, and then what became of it. */
export function adjustmentEvent(
  context: Pick<GatewayContext, 'clock'>,
  event: 'usage.adjustment_requested' | 'usage.adjusted' | 'usage.adjustment_refused',
  { tenant, user, store, id, policy, delta, reason }: AdjustNote,
  askedBy: AskedBy = {},
): AuditEvent {
  return {
    event,
    at: toTimestamp(context.clock.nowMs()),
    ...askedBy,
    ...(store === undefined ? { tenant } : { store }),
    ...(user !== undefined && { user }),
    policies: [policy],
    adjustmentId: id,
    delta,
    reason,
  }
}

/** Errors whose refusal is recorded already, by the use case that knows most about it. */
const recorded = new WeakSet<object>()

/** Takes the turn to record a refusal: false for an error that has been recorded. */
export function isUnrecorded(error: unknown): boolean {
  if (!(error instanceof Error)) return true
  const isNew = !recorded.has(error)
  recorded.add(error)
  return isNew
}

/** Records a refusal without waiting, once: one that cannot be recorded is still a refusal. */
export function auditRefusal(
  context: Pick<GatewayContext, 'audit' | 'clock' | 'config' | 'log' | 'telemetry'>,
  event: 'upload.refused' | 'download.refused' | 'request.refused',
  { principal, requestId, wanted }: Omit<Asked, 'wanted'> & Partial<Asked>,
  error: unknown,
): void {
  if (!isUnrecorded(error)) return
  const code = codeOf(error)
  const violations = error instanceof GatewayError ? error.details.violations : undefined
  if (event === 'upload.refused' && wanted !== undefined) {
    // A name that only the caller knows is no label: there would be as many as callers like.
    const known = context.config.buckets.has(wanted.bucket)
    context.telemetry.uploadRefused({ bucket: known ? wanted.bucket : 'unknown', code })
  }
  void recordOrLog(context, {
    event,
    at: toTimestamp(context.clock.nowMs()),
    requestId,
    ...actor(principal),
    ...(wanted !== undefined && { bucket: wanted.bucket.slice(0, 256) }),
    ...(wanted?.sizeBytes !== undefined && { sizeBytes: wanted.sizeBytes }),
    code,
    ...reasonOf(error),
    ...(violations !== undefined && { policies: violations.map(({ policy }) => policy) }),
  })
}

/** Why somebody may not act at all, which the answer does not say. */
function reasonOf(error: unknown): Pick<AuditEvent, 'reason'> {
  if (!(error instanceof GatewayError) || error.code !== 'AccessDenied') return {}
  const why = error.details.facts?.why
  return typeof why === 'string' ? { reason: why } : {}
}

/** What was refused to an operator, for the audit log. */
export interface RefusedAdmin {
  /** Who: "token", or issuer and subject. */
  readonly admin: string
  /** The operation of the admin API. */
  readonly action: string
  readonly requestId: string
}

/** Records what an operator was refused, once, without waiting. */
export function auditAdminRefusal(
  context: Pick<GatewayContext, 'audit' | 'clock' | 'log'>,
  refused: RefusedAdmin,
  error: unknown,
): void {
  if (!isUnrecorded(error)) return
  const at = toTimestamp(context.clock.nowMs())
  void recordOrLog(context, { event: 'admin.refused', at, ...refused, code: codeOf(error) })
}

/** The code that an error is answered with. */
export function codeOf(error: unknown): ErrorCode {
  return error instanceof GatewayError ? error.code : 'InternalError'
}

/** Appends an event that nobody waits for; a failing sink is logged, never thrown. */
export async function recordOrLog(
  context: Pick<GatewayContext, 'audit' | 'log'>,
  event: AuditEvent,
): Promise<void> {
  try {
    await context.audit.append(event)
  } catch (error) {
    context.log.error('audit.lost', { lost: event.event, error })
  }
}

/** The audit event of an upload's end. */
export function endEvent(
  context: Pick<GatewayContext, 'clock' | 'hashing'>,
  event: 'upload.settled' | 'upload.rejected' | 'upload.expired' | 'upload.aborted',
  note: UploadNote,
  uploadId: string,
  sizeBytes = note.sizeBytes,
) {
  return {
    event,
    at: toTimestamp(context.clock.nowMs()),
    tenant: note.tenant,
    user: note.user,
    uploadId,
    bucket: note.bucket,
    keyHash: keyHash(context.hashing, note.key),
    sizeBytes,
  }
}
