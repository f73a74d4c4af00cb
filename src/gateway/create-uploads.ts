import type { Principal } from '../auth/principal.ts'
import { GatewayError } from '../errors.ts'
import type { AdmitReply, Reservation, ReserveCommand } from '../ledger/port.ts'
import { type LimitStatus, limitStatuses } from '../limits/limit-report.ts'
import type { LimitSet } from '../limits/limit-set.ts'
import type { Account } from './accounts.ts'
import { type Admitted, admit, NO_DEMAND } from './admit.ts'
import { againWhereItWas } from './again-where-it-was.ts'
import { auditRefusal, uploadGranted } from './audit-events.ts'
import type { GatewayContext } from './context.ts'
import { type CreatedUpload, MIN_GRANT_MS } from './create-upload.ts'
import { findRoom } from './find-room.ts'
import { knownPlaceOf, placeOf } from './place-of.ts'
import { rememberGranted } from './placed-record.ts'
import { assertFormEnforceable, planAsReserved } from './plan-at-placement.ts'
import { type PlannedItem, planBatch, type WantedBatchUpload } from './plan-batch.ts'
import { refusal, unanswered } from './refusal.ts'
import { uploadNoteOf, urlExpiryMs } from './reservation-note.ts'
import { repeatedIds, reservationsOf, reserveUploads } from './reserve-uploads.ts'
import { reportShadow } from './shadow-limits.ts'
import { signUpload } from './sign-upload.ts'
import { someAtATime } from './some-at-a-time.ts'
import { assertClockFits } from './store-fitness.ts'
import { uploadView } from './upload-view.ts'

/** Who asks for which uploads. */
export interface CreateUploadsRequest {
  readonly principal: Principal
  /** 1 to 1,000. */
  readonly wanted: readonly [WantedBatchUpload, ...WantedBatchUpload[]]
  readonly requestId: string
  readonly idempotencyKey?: string | undefined
}

/** Uploads in the order of the request, and the limits as they stand for all of them. */
export interface CreatedUploads {
  readonly items: readonly Omit<CreatedUpload, 'limits' | 'limitSet'>[]
  readonly limits: readonly LimitStatus[]
  /** What all were decided by: other limits may be in force by now. */
  readonly limitSet: LimitSet
}

/** Commands of one batch that wait at the ledger together, beside those of all others. */
const AT_ONCE = 64

type Allowed = Extract<AdmitReply, { code: 'OK' }>

interface Step {
  readonly account: Account
  readonly items: readonly PlannedItem[]
  readonly request: CreateUploadsRequest
  readonly admitted: Admitted<ReserveCommand>
}

/**
 * Creates up to 1,000 uploads, all of them or none, by one decision of the ledger: what they take
 * together is checked against every limit, and each counts as a request. Each one is an upload of its
 * own afterwards. Throws what `createUpload` throws. Repeatable with an idempotency key, until one of
 * them is forgotten: `UploadNotPending`.
 */
export async function createUploads(
  context: GatewayContext,
  request: CreateUploadsRequest,
): Promise<CreatedUploads> {
  const { principal, wanted, requestId } = request
  try {
    const { plan: items, admitted } = await againWhereItWas(context, principal, {
      rids: repeatedIds(context, request, wanted.length),
      create: (places) =>
        findRoom(context, principal, {
          plan: (room) => planBatch(context, principal, wanted, { places, room }),
          ask: async (planned) => {
            // By what it was asked with, the answer is told: settings may change meanwhile.
            const account = context.accounts.of(principal.tenant, principal.user)
            const asked = await reserveUploads(context, account, { items: planned, request })
            return { ...asked, account }
          },
        }),
    })
    const { reply, account } = admitted
    const step = { account, items, request, admitted }
    switch (reply.code) {
      case 'OK':
        return await grantAll(context, { ...step, reply })
      case 'EXISTS':
        return await replayAll(context, step)
      case 'CONFLICT':
        throw await conflictOf(context, admitted.command)
      case 'DENIED':
        throw refusal(
          { limits: account.limits, measured: admitted.measured, reply },
          'reserve the uploads',
        )
      default:
        throw unanswered(reply, 'reserve the uploads')
    }
  } catch (error) {
    const bytes = wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const about = { bucket: wanted[0].bucket, sizeBytes: bytes }
    auditRefusal(context, 'upload.refused', { principal, requestId, wanted: about }, error)
    throw error
  }
}

async function grantAll(
  context: GatewayContext,
  step: Step & { readonly reply: Allowed },
): Promise<CreatedUploads> {
  const { account, admitted, reply } = step
  const { measured } = admitted
  const reservations = reservationsOf(admitted.command, reply.expMs)
  const shadowPolicies = reportShadow(context, account, measured, reply)
  try {
    const items = await signAll(context, step, { reservations, shadowPolicies, isReplay: false })
    for (const { plan, wanted } of step.items) {
      const { sizeBytes } = wanted
      rememberGranted(context, plan)
      context.telemetry.uploadGranted({ bucket: plan.bucket.name, sizeBytes })
    }
    const limits = limitStatuses(account.limits, measured, reply.levels, reply.nowMs, true)
    return { items, limits, limitSet: account.limits }
  } catch (error) {
    if (step.request.idempotencyKey === undefined) await abandonAll(context, reservations)
    throw error
  }
}

/** The same batch again: the same uploads, with grants for those that are still pending. */
async function replayAll(context: GatewayContext, step: Step): Promise<CreatedUploads> {
  const { account, admitted } = step
  const { each = [] } = admitted.command
  const found = await recordsOf(context, admitted.command)
  const reservations = found.filter((reservation) => reservation !== undefined)
  if (reservations.length !== each.length) throw forgotten()
  const { reply: look, measured } = await admit(context, account, NO_DEMAND, {
    commandOf: (demanded) => ({ ...demanded, op: 'Q' }),
  })
  const levels = look.code === 'OK' || look.code === 'DENIED' ? look.levels : undefined
  const limits =
    levels === undefined ? [] : limitStatuses(account.limits, measured, levels, look.nowMs, false)
  const replay = { reservations, shadowPolicies: [], isReplay: true }
  return { items: await signAll(context, step, replay), limits, limitSet: account.limits }
}

function recordsOf(
  context: GatewayContext,
  { partition, each = [] }: ReserveCommand,
): Promise<(Reservation | undefined)[]> {
  return someAtATime(each, AT_ONCE, ({ rid }) => context.ledger.find({ partition, rid }))
}

/** The ledger also finds a conflict when it has forgotten the first upload and still has another. */
async function conflictOf(context: GatewayContext, command: ReserveCommand): Promise<GatewayError> {
  const found = await recordsOf(context, command)
  if (found.some((record) => record?.fingerprint === command.fingerprint)) return forgotten()
  return new GatewayError(
    'IdempotencyMismatch',
    'Cannot create the uploads: the idempotency key was used for another request',
  )
}

/** Uploads are forgotten some time after they ended (`retentionHours`), each by itself. */
function forgotten(): GatewayError {
  return new GatewayError(
    'UploadNotPending',
    'Cannot repeat the batch: some of its uploads ended so long ago that they are forgotten',
  )
}

interface ToSign {
  readonly reservations: readonly Reservation[]
  readonly shadowPolicies: readonly string[]
  /** They were made by plans that may not be those of now. */
  readonly isReplay: boolean
}

async function signAll(
  context: GatewayContext,
  { items, request, admitted }: Step,
  { reservations, shadowPolicies, isReplay }: ToSign,
): Promise<CreatedUploads['items']> {
  const { nowMs } = admitted.reply
  const signed = await Promise.all(
    items.map(async ({ wanted, plan }, index) => {
      const reservation = reservations[index]
      const note = reservation === undefined ? undefined : uploadNoteOf(reservation)
      if (reservation === undefined || note === undefined) {
        throw new GatewayError('InternalError', 'Cannot sign the batch: an upload is missing')
      }
      const upload = uploadView(reservation, note)
      const { expMs, rid } = reservation
      const expiresAtMs = Math.min(urlExpiryMs(expMs, note.afterUrlMs), plan.endsByMs)
      const isOver = upload.status !== 'pending' || expiresAtMs - nowMs < MIN_GRANT_MS
      const place = () =>
        isOver ? (knownPlaceOf(context, note) ?? plan.place) : placeOf(context, note)
      const standing = isReplay
        ? planAsReserved(context, { ...plan, place: place() }, wanted, note)
        : plan
      const { guarantees } = standing
      if (isOver) return { upload, guarantees }
      if (isReplay) {
        assertFormEnforceable(standing, wanted)
        assertClockFits(context, standing.place.placement)
      }
      const { hold, subjects } = reservation
      const command = { ...admitted.command, rid, hold, subjects }
      const conditions = undefined
      const signing = { command, plan: standing, wanted, nowMs, expMs, expiresAtMs, conditions }
      const grant = await signUpload(context, signing)
      const asked = { ...request, allowance: plan.allowance }
      const event = uploadGranted(context, asked, rid, note, grant)
      return { upload, guarantees, grant, event }
    }),
  )
  // Every one is recorded before the first one is seen.
  const shadow = shadowPolicies.length > 0 ? { shadowPolicies } : {}
  await Promise.all(
    signed.flatMap(({ event }) =>
      event === undefined ? [] : [context.audit.append({ ...event, ...shadow })],
    ),
  )
  return signed.map(({ event: _, ...created }) => created)
}

/** Never throws: the first error must be seen, and the sweeper is next. */
async function abandonAll(
  context: GatewayContext,
  reservations: readonly Reservation[],
): Promise<void> {
  try {
    await someAtATime(reservations, AT_ONCE, ({ partition, rid, fingerprint, subjects }) =>
      context.ledger.finish({ op: 'V', partition, rid, fingerprint, subjects }),
    )
  } catch (error) {
    context.log.warn('upload.release_failed', { uploadId: reservations[0]?.rid, error })
  }
}
