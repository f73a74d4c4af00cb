import { GatewayError } from '../errors.ts'
import type { Reservation } from '../ledger/port.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import { endEvent, recordOrLog } from './audit-events.ts'
import type { GatewayContext } from './context.ts'
import { lastPartMs, PARTS_MARGIN_MS, partsMayStillCome } from './last-byte.ts'
import { AGAIN_MS, lookAgain } from './look-again.ts'
import { isMade } from './open-multipart.ts'
import { ownTicket } from './own-ticket.ts'
import { placeOf } from './place-of.ts'
import { changedMeanwhile, recovering } from './refusal.ts'
import { noteText, type RejectReason, type UploadNote } from './reservation-note.ts'

/**
 * What an abort at the store has shown: `ended`, nothing can come of the upload any more, and what it
 * reserved may be released; `arrived`, its object is there; `waiting`, a part or a Complete that was
 * under way may still leave something, until `lastPartMs`.
 */
export type AbortOutcome = 'ended' | 'arrived' | 'waiting'

/**
 * Aborts a multipart upload at the store, at most without waiting for its URLs to end. Goes by the
 * ledger's time of a sweeper's claim, or by what it is now. Safe to repeat. Throws `StoreUnavailable`.
 */
export async function abortAtStore(
  context: GatewayContext,
  reservation: Reservation,
  note: UploadNote,
  nowMs = context.ledgerTime.nowMs(),
): Promise<AbortOutcome> {
  const { multipart } = note
  if (!isMade(multipart)) {
    throw new GatewayError('InternalError', 'Cannot abort the upload: the store has not made it')
  }
  const place = placeOf(context, note)
  await abortForCertain(context, place, multipart.id)
  const head = await context.storeClient.head(place)
  if (head.found && ownTicket(context, place, head)?.rid === reservation.rid) return 'arrived'
  const { storeNowMs } = head
  const mayCome = partsMayStillCome(context, reservation, note, { nowMs, storeNowMs })
  return mayCome ? 'waiting' : 'ended'
}

/** Has an upload that was aborted looked at again when nothing can come of it any more. */
export async function lookWhenPartsAreOver(
  context: GatewayContext,
  reservation: Reservation,
  note: UploadNote,
  nowMs = context.ledgerTime.nowMs(),
): Promise<void> {
  const overMs = lastPartMs(context, reservation, note) + PARTS_MARGIN_MS
  await lookAgain(context, reservation, Math.max(0, overMs - nowMs) + AGAIN_MS)
}

/**
 * Ends an upload that may not be completed as it is, and says so: throws `UploadRejected`. Recorded
 * before anything is aborted, so that a sweeper finishes what fails on the way, and a repetition gets the
 * same answer. Throws `StoreUnavailable`, `LedgerUnavailable`.
 */
export async function rejectMultipart(
  context: GatewayContext,
  reservation: Reservation,
  { note, why }: { readonly note: UploadNote; readonly why: RejectReason },
): Promise<never> {
  const abortedMs = Math.floor(context.ledgerTime.nowMs())
  const rejected: UploadNote = {
    ...note,
    aborted: true,
    abortedMs,
    rejected: true,
    rejectedFor: why,
  }
  const { partition, rid, fingerprint, subjects } = reservation
  const command = { partition, rid, fingerprint, subjects }
  const marking = { op: 'M' as const, ...command, note: noteText(rejected), lookMs: AGAIN_MS }
  const reply = await context.ledger.finish({ ...marking, ifNote: reservation.note })
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'FENCED') throw recovering('reject the upload')
  if (reply.code === 'EXISTS') throw changedMeanwhile('complete the upload', reply)
  if (reply.code === 'OK') {
    await recordOrLog(context, endEvent(context, 'upload.rejected', rejected, rid))
    // What another call has put together meanwhile is there, and is settled by the sweeper.
    const outcome = await abortAtStore(context, reservation, rejected)
    if (outcome === 'waiting') await lookWhenPartsAreOver(context, reservation, rejected)
    if (outcome === 'ended') {
      await context.ledger.finish({ op: 'V', ...command })
      context.telemetry.uploadEnded({ bucket: note.bucket, how: 'rejected' })
    }
  }
  throw rejectedError(rejected)
}

const REASONS = {
  'too-much': 'its parts are more than was reserved',
  'key-taken': 'another object has that key, and is not to be replaced',
} as const satisfies Record<RejectReason, string>
const BY_OBJECT = 'the object is larger than was reserved, or came too late to fit'

/** The error of a rejected upload: the same words each time. */
export function rejectedError({
  rejectedFor,
  altered,
}: Pick<UploadNote, 'rejectedFor' | 'altered'>): GatewayError {
  const byObject =
    altered === undefined ? BY_OBJECT : `the object was sent with ${altered.join(', ')}, unsigned`
  const why = rejectedFor === undefined ? byObject : REASONS[rejectedFor]
  return new GatewayError('UploadRejected', `Cannot complete the upload: ${why}`)
}

/**
 * Aborts an upload and makes sure that the store has no part of it: one under way can outlive an abort
 * (S3 API, AbortMultipartUpload), then once more. Throws `StoreUnavailable`.
 */
export async function abortForCertain(
  { storeClient }: Pick<GatewayContext, 'storeClient'>,
  place: ObjectPlace,
  uploadId: string,
): Promise<void> {
  for (let tries = 0; tries < 2; tries += 1) {
    await storeClient.abortMultipart(place, uploadId)
    if ((await storeClient.listParts(place, uploadId)) === undefined) return
  }
  throw new GatewayError('StoreUnavailable', 'Cannot abort the upload: its parts are still there')
}
