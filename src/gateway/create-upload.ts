import { unauthenticated } from '../auth/bearer.ts'
import type { Principal } from '../auth/principal.ts'
import { GatewayError } from '../errors.ts'
import type { AdmitReply, ReserveCommand } from '../ledger/port.ts'
import { uploadIdFor } from '../ledger/upload-id.ts'
import { type LimitStatus, limitStatuses } from '../limits/limit-report.ts'
import type { LimitSet } from '../limits/limit-set.ts'
import type { Guarantees } from '../stores/guarantees.ts'
import type { Placement } from '../stores/store.ts'
import type { Account } from './accounts.ts'
import { admit, NO_DEMAND } from './admit.ts'
import { againWhereItWas } from './again-where-it-was.ts'
import { auditRefusal, uploadGranted } from './audit-events.ts'
import type { GatewayContext } from './context.ts'
import { findRoom } from './find-room.ts'
import { firstParts, isMade, openMultipart } from './open-multipart.ts'
import { prepareIfOverwrite } from './overwrite.ts'
import { knownPlaceOf, placeOf } from './place-of.ts'
import { rememberGranted } from './placed-record.ts'
import { placementReplaced } from './placement-replaced.ts'
import { assertFormEnforceable, planAsReserved, type UploadPlan } from './plan-at-placement.ts'
import { asksStore, planUpload, type WantedUpload } from './plan-upload.ts'
import { refusal, unanswered } from './refusal.ts'
import { noteText, type UploadNote, uploadNoteOf, urlExpiryMs } from './reservation-note.ts'
import { type Reserved, reserveUpload } from './reserve-upload.ts'
import { reportShadow } from './shadow-limits.ts'
import { type Signing, signUpload } from './sign-upload.ts'
import { assertCallable, assertClockFits } from './store-fitness.ts'
import type { UploadGrant } from './upload-grant.ts'
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
  /** What it was decided by: other limits may be in force by now. */
  readonly limitSet: LimitSet
  /** Absent when the upload has ended or its URL can no longer be used. */
  readonly grant?: UploadGrant
}

/** A replay with less than this left of the first grant's life gets the upload without a grant. */
export const MIN_GRANT_MS = 1_000

/**
 * Reserves what the upload will take and signs it: policy, then one decision of the ledger, then the
 * audit record, then the grant. Throws the policy's errors, `SlowDown`, `QuotaExceeded`,
 * `IdempotencyMismatch`, `StoreUnavailable`, `LedgerUnavailable`, `Overloaded`. Repeatable with an idempotency key.
 */
export async function createUpload(
  context: GatewayContext,
  request: CreateUploadRequest,
): Promise<CreatedUpload> {
  const { principal, idempotencyKey } = request
  const { tenant, user } = principal
  const { hashing } = context
  try {
    const { plan, admitted } = await againWhereItWas(context, principal, {
      rids:
        idempotencyKey === undefined ? [] : [uploadIdFor(hashing, tenant, user, idempotencyKey)],
      create: ([there] = []) => reserveAtBest(context, request, there),
    })
    const { reply, account } = admitted
    switch (reply.code) {
      case 'OK':
        return await grantNew(context, { account, plan, request, admitted, reply })
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

/** Plans it and asks the ledger, until there is room. `there`: where it was before. */
async function reserveAtBest(
  context: GatewayContext,
  request: CreateUploadRequest,
  there: Placement | undefined,
): Promise<{ plan: UploadPlan; admitted: Reserved & { readonly account: Account } }> {
  const { principal, wanted } = request
  const looks = there === undefined && wanted.overwrite
  const at = looks ? await placementReplaced(context, principal, wanted) : there
  return findRoom(context, principal, {
    plan: (room) => planUpload(context, principal, wanted, { at, room }),
    ask: async (plan) => {
      if (asksStore(plan, wanted)) assertCallable(context, plan.place.placement.store)
      // By what it was asked with, the answer is told: settings may change meanwhile.
      const account = context.accounts.of(principal.tenant, principal.user)
      return { ...(await reserveUpload(context, account, { ...request, plan })), account }
    },
  })
}

interface Step {
  readonly account: Account
  readonly plan: UploadPlan
  readonly request: CreateUploadRequest
  readonly admitted: Reserved
}

async function grantNew(
  context: GatewayContext,
  step: Step & { reply: Extract<AdmitReply, { code: 'OK' }> },
): Promise<CreatedUpload> {
  const { account, plan, request, admitted, reply } = step
  const { command } = admitted
  const { nowMs, expMs } = reply
  let { note } = admitted
  const shadowPolicies = reportShadow(context, account, admitted.measured, reply)
  try {
    const overwrite = await prepareIfOverwrite(context, command, note)
    note = overwrite.note
    const { conditions } = overwrite
    const signing = signingOf(
      { plan, wanted: request.wanted, command, nowMs, expMs, conditions },
      note,
    )
    if (note.multipart !== undefined) note = await openMultipart(context, signing, note)
    const grant = await sign(context, signing, note)
    const asked = { ...request, allowance: plan.allowance }
    const event = uploadGranted(context, asked, command.rid, note, grant)
    await context.audit.append(shadowPolicies.length > 0 ? { ...event, shadowPolicies } : event)
    rememberGranted(context, plan)
    context.telemetry.uploadGranted({ bucket: note.bucket, sizeBytes: note.sizeBytes })
    return {
      upload: viewOf(command, reply.expMs, note),
      guarantees: plan.guarantees,
      limits: limitStatuses(account.limits, admitted.measured, reply.levels, reply.nowMs, true),
      limitSet: account.limits,
      grant,
    }
  } catch (error) {
    // Nobody has seen the grant, so the bytes go back at once. With a caller's key another gateway
    // may have released a URL for the same reservation: then it is left to expire.
    if (request.idempotencyKey === undefined) {
      const { abandonUpload } = await import('./abandon-upload.ts')
      await abandonUpload(context, { ...command, expMs }, note)
    }
    throw error
  }
}

/**
 * When the URLs end: with the reservation, less what a transfer takes, or with the credential; of parts, also
 * earlier.
 */
function signingOf(signing: Omit<Signing, 'expiresAtMs'>, note: UploadNote): Signing {
  const { nowMs, plan } = signing
  const endMs = Math.min(urlExpiryMs(signing.expMs, note.afterUrlMs), plan.endsByMs)
  const urlEndMs = (Math.floor(nowMs / 1000) + plan.expiresInSeconds) * 1000
  const expiresAtMs = note.multipart === undefined ? endMs : Math.min(endMs, urlEndMs)
  // The credential has ended while the ledger was asked.
  if (expiresAtMs - nowMs < MIN_GRANT_MS) throw unauthenticated()
  return { ...signing, expiresAtMs }
}

function sign(context: GatewayContext, signing: Signing, note: UploadNote): Promise<UploadGrant> {
  return isMade(note.multipart)
    ? firstParts(context, signing, note.multipart)
    : signUpload(context, signing)
}

/**
 * The command with what was reserved by it, where that is under way: plan and placement may be others by now, and
 * the ticket has to name what the ledger holds.
 */
async function asReserved(
  context: Pick<GatewayContext, 'ledger'>,
  command: ReserveCommand,
): Promise<ReserveCommand> {
  const { partition, rid } = command
  const record = await context.ledger.find({ partition, rid })
  if (record?.state !== 'P') return command
  const { hold, subjects } = record
  return { ...command, hold, subjects }
}

/** The same request again: the same upload, and a grant that ends no later than the first one. */
async function replay(
  context: GatewayContext,
  step: Step & { reply: Extract<AdmitReply, { code: 'EXISTS' }> },
): Promise<CreatedUpload> {
  const { account, request, reply, admitted } = step
  const { wanted } = request
  const command = { ...(await asReserved(context, admitted.command)), note: reply.note }
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
  const expiresAtMs = Math.min(urlExpiryMs(reply.expMs, note.afterUrlMs), step.plan.endsByMs)
  if (upload.status !== 'pending' || expiresAtMs - reply.nowMs < MIN_GRANT_MS) {
    const place = knownPlaceOf(context, note) ?? step.plan.place
    const { guarantees } = planAsReserved(context, { ...step.plan, place }, wanted, note)
    return { upload, guarantees, limits, limitSet: account.limits }
  }
  const plan = planAsReserved(
    context,
    { ...step.plan, place: placeOf(context, note) },
    wanted,
    note,
  )
  assertFormEnforceable(plan, wanted)
  assertClockFits(context, plan.place.placement)
  const { nowMs, expMs } = reply
  const isUnmade = note.multipart !== undefined && !isMade(note.multipart)
  let latest = note
  if (isUnmade) {
    const { takeOver } = await import('./take-over.ts')
    latest = await takeOver(context, reservation, note, nowMs)
  }
  const asRead = isUnmade ? { ...command, note: noteText(latest) } : command
  const overwrite = await prepareIfOverwrite(context, asRead, latest)
  const { conditions } = overwrite
  const signing = signingOf({ command, plan, wanted, nowMs, expMs, conditions }, overwrite.note)
  let made = overwrite.note
  if (made.multipart !== undefined && !isMade(made.multipart)) {
    made = await openMultipart(context, signing, made)
  }
  const grant = await sign(context, signing, made)
  const asked = { ...request, allowance: plan.allowance }
  await context.audit.append(uploadGranted(context, asked, command.rid, made, grant))
  return { upload, guarantees: plan.guarantees, limits, limitSet: account.limits, grant }
}

function viewOf(command: ReserveCommand, expMs: number, note: UploadNote): UploadView {
  return uploadView({ ...command, state: 'P', expMs, actual: -1, over: 0 }, note)
}
