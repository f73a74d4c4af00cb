import type { Principal } from '../auth/principal.ts'
import { GatewayError } from '../errors.ts'
import type { AdmitReply, ReserveCommand } from '../ledger/port.ts'
import { newUploadId, uploadIdFor } from '../ledger/upload-id.ts'
import { type LimitStatus, limitStatuses } from '../limits/limit-report.ts'
import { ObjectKey } from '../object-key.ts'
import type { Grant } from '../signing/grant.ts'
import type { Guarantees } from '../stores/guarantees.ts'
import { placeRecorded } from '../stores/place-object.ts'
import type { Account } from './accounts.ts'
import { type Admitted, admit, NO_DEMAND, uploadDemand } from './admit.ts'
import { auditRefusal, uploadGranted } from './audit-events.ts'
import type { GatewayContext } from './context.ts'
import { fingerprintOf } from './fingerprint.ts'
import { lockOf, prepareOverwrite } from './overwrite.ts'
import { planUpload, type UploadPlan, type WantedUpload } from './plan-upload.ts'
import { refusal, unanswered } from './refusal.ts'
import {
  noteText,
  parseNote,
  type UploadNote,
  uploadNoteOf,
  urlExpiryMs,
} from './reservation-note.ts'
import { reportShadow } from './shadow-limits.ts'
import { signUpload } from './sign-upload.ts'
import { type UploadView, uploadView } from './upload-view.ts'

/** Who asks for what, and how it can be told apart from other requests. */
export interface CreateUploadRequest {
  readonly principal: Principal
  readonly wanted: WantedUpload
  readonly requestId: string
  readonly idempotencyKey?: string | undefined
}

/** A new upload, or the one that the same request made before. */
export interface CreatedUpload {
  readonly upload: UploadView
  readonly guarantees: Guarantees
  readonly limits: readonly LimitStatus[]
  /** Absent when the upload has ended or its URL can no longer be used. */
  readonly grant?: Grant
}

const AFTER_TRANSFER_MS = 60_000
const FIRST_LOOK_MS = 5_000
/** A replay with less than this left of the first grant's life gets the upload without a grant. */
const MIN_GRANT_MS = 1_000

/**
 * Reserves what the upload will take and signs it: policy, then one decision of the ledger, then the
 * audit record, then the grant. Throws the policy's errors, `SlowDown`, `QuotaExceeded`,
 * `IdempotencyMismatch`, `LedgerUnavailable`, `Overloaded`. Repeatable with an idempotency key.
 */
export async function createUpload(
  context: GatewayContext,
  request: CreateUploadRequest,
): Promise<CreatedUpload> {
  const { principal, wanted } = request
  try {
    const plan = planUpload(context, principal, wanted)
    const account = context.accounts.of(principal.tenant, principal.user)
    const admitted = await reserve(context, account, plan, request)
    const { reply } = admitted
    switch (reply.code) {
      case 'OK':
        return await grantNew(context, { account, plan, request, admitted })
      case 'EXISTS':
        return await replay(context, { account, plan, request, admitted, reply })
      case 'CONFLICT':
        throw new GatewayError(
          'IdempotencyMismatch',
          'Cannot create the upload: the idempotency key was used for another request',
        )
      case 'DENIED':
        throw refusal(
          { limits: account.limits, measured: admitted.measured, reply },
          'reserve the upload',
        )
      default:
        throw unanswered(reply, 'reserve the upload')
    }
  } catch (error) {
    auditRefusal(context, 'upload.refused', request, error)
    throw error
  }
}

interface Step {
  readonly account: Account
  readonly plan: UploadPlan
  readonly request: CreateUploadRequest
  readonly admitted: Admitted<ReserveCommand>
}

async function reserve(
  context: GatewayContext,
  account: Account,
  plan: UploadPlan,
  { principal, wanted, idempotencyKey }: CreateUploadRequest,
): Promise<Admitted<ReserveCommand>> {
  const rid =
    idempotencyKey === undefined
      ? newUploadId(context.random, context.ledgerTime.nowMs())
      : uploadIdFor(context.hashing, principal.tenant, principal.user, idempotencyKey)
  const fingerprint = fingerprintOf(context.hashing, principal, wanted)
  const { placement } = plan.place
  const afterUrlMs = placement.store.maxTransferSeconds * 1000 + AFTER_TRANSFER_MS
  const createdMs = Math.floor(context.ledgerTime.nowMs())
  const lock = wanted.overwrite ? lockOf(context, plan.place) : undefined
  const note: UploadNote = {
    kind: 'upload',
    tenant: principal.tenant,
    user: principal.user,
    bucket: plan.bucket.name,
    place: [placement.store.name, placement.bucket, placement.prefix],
    key: plan.place.key.text,
    sizeBytes: wanted.sizeBytes,
    contentType: plan.contentType,
    createdMs,
    afterUrlMs,
    ...(wanted.overwrite && { overwrite: true as const }),
  }
  return admit(context, account, uploadDemand(wanted.sizeBytes), {
    lock,
    commandOf: (measured) => ({
      ...measured,
      op: 'R' as const,
      rid,
      fingerprint,
      ttlMs: plan.expiresInSeconds * 1000 + afterUrlMs,
      lookMs: plan.expiresInSeconds * 1000 + FIRST_LOOK_MS,
      note: noteText(note),
      replayable: idempotencyKey !== undefined,
    }),
  })
}

async function grantNew(context: GatewayContext, step: Step): Promise<CreatedUpload> {
  const { account, plan, request, admitted } = step
  const { command, reply } = admitted
  if (reply.code !== 'OK') throw new GatewayError('InternalError', 'Cannot sign: nothing reserved')
  const note = parseNote(command.note) as UploadNote
  const shadowPolicies = reportShadow(context, account, admitted.measured, reply)
  try {
    const overwrite = request.wanted.overwrite
      ? await prepareOverwrite(context, command, note)
      : undefined
    const grant = await signUpload(context, {
      command,
      plan,
      wanted: request.wanted,
      nowMs: reply.nowMs,
      expMs: reply.expMs,
      expiresAtMs: urlExpiryMs(reply.expMs, note.afterUrlMs),
      conditions: overwrite,
    })
    const granted = uploadGranted(context, request, command.rid, note, grant)
    await context.audit.append({
      ...granted,
      ...(shadowPolicies.length > 0 && { shadowPolicies }),
    })
    context.telemetry.uploadGranted({ bucket: note.bucket, sizeBytes: note.sizeBytes })
    return {
      upload: viewOf(command, reply.expMs, note),
      guarantees: plan.guarantees,
      limits: limitStatuses(account.limits, admitted.measured, reply.levels, reply.nowMs, true),
      grant,
    }
  } catch (error) {
    // Nobody has seen the grant, so the bytes go back at once. With a caller's key another gateway
    // may have released a URL for the same reservation: then it is left to expire.
    if (request.idempotencyKey === undefined) await releaseOrLog(context, command)
    throw error
  }
}

/** The same request again: the same upload, and a grant that ends no later than the first one. */
async function replay(
  context: GatewayContext,
  step: Step & { reply: Extract<AdmitReply, { code: 'EXISTS' }> },
): Promise<CreatedUpload> {
  const { account, plan, request, reply, admitted } = step
  const command = { ...admitted.command, note: reply.note }
  const reservation = {
    ...command,
    state: reply.state,
    expMs: reply.expMs,
    actual: reply.actual,
    over: 0,
  }
  const note = uploadNoteOf(reservation)
  if (note === undefined) throw new GatewayError('InternalError', 'Cannot replay: not an upload')
  const { reply: look, measured } = await admit(context, account, NO_DEMAND, {
    commandOf: (demanded) => ({ ...demanded, op: 'Q' }),
  })
  const levels = look.code === 'OK' || look.code === 'DENIED' ? look.levels : undefined
  const limits =
    levels === undefined ? [] : limitStatuses(account.limits, measured, levels, look.nowMs, false)
  const upload = uploadView(reservation, note)
  const expiresAtMs = urlExpiryMs(reply.expMs, note.afterUrlMs)
  if (upload.status !== 'pending' || expiresAtMs - reply.nowMs < MIN_GRANT_MS) {
    return { upload, guarantees: plan.guarantees, limits }
  }
  const place = placeRecorded(context.config.stores, note.place, ObjectKey.parse(note.key))
  const overwrite = note.overwrite ? await prepareOverwrite(context, command, note) : undefined
  const grant = await signUpload(context, {
    command,
    plan: { ...plan, place },
    wanted: request.wanted,
    nowMs: reply.nowMs,
    expMs: reply.expMs,
    expiresAtMs,
    conditions: overwrite,
  })
  await context.audit.append(uploadGranted(context, request, command.rid, note, grant))
  return { upload, guarantees: plan.guarantees, limits, grant }
}

function viewOf(command: ReserveCommand, expMs: number, note: UploadNote): UploadView {
  return uploadView({ ...command, state: 'P', expMs, actual: -1, over: 0 }, note)
}

/** Never throws: the first error must be seen, and the sweeper is next. */
async function releaseOrLog(context: GatewayContext, command: ReserveCommand): Promise<void> {
  const { partition, rid, fingerprint, subjects } = command
  try {
    await context.ledger.finish({ op: 'V', partition, rid, fingerprint, subjects })
  } catch (error) {
    context.log.warn('upload.release_failed', { uploadId: rid, error })
  }
}
