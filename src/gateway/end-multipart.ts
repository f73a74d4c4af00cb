import { GatewayError } from '../errors.ts'
import type { Reservation } from '../ledger/port.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import { recordOrLog } from './audit-events.ts'
import type { GatewayContext } from './context.ts'
import { AGAIN_MS } from './look-again.ts'
import { isMade } from './open-multipart.ts'
import { ownTicket } from './own-ticket.ts'
import { recovering } from './refusal.ts'
import { noteText, type UploadNote } from './reservation-note.ts'
import { endEvent, placeOf } from './settle.ts'

/**
 * Aborts a multipart upload at the store, so that nothing can come of it any more: what it reserved may
 * be released at once, without waiting for its URLs to end. Answers `arrived` when the object is there
 * already. Safe to repeat. Throws `StoreUnavailable`.
 */
export async function abortAtStore(
  context: GatewayContext,
  reservation: Reservation,
  note: UploadNote,
): Promise<'ended' | 'arrived'> {
  const { multipart } = note
  if (!isMade(multipart)) {
    throw new GatewayError('InternalError', 'Cannot abort the upload: the store has not made it')
  }
  const place = placeOf(context, note)
  await abortForCertain(context, place, multipart.id)
  const head = await context.storeClient.head(place)
  const arrived = head.found && ownTicket(context, place, head)?.rid === reservation.rid
  return arrived ? 'arrived' : 'ended'
}

/**
 * Ends an upload that may not be completed as it is, and says so: throws `UploadRejected`. Recorded
 * before anything is aborted, so that a sweeper finishes what fails on the way, and a repetition gets the
 * same answer. Throws `StoreUnavailable`, `LedgerUnavailable`.
 */
export async function rejectMultipart(
  context: GatewayContext,
  reservation: Reservation,
  { note, why }: { readonly note: UploadNote; readonly why: string },
): Promise<never> {
  const rejected: UploadNote = { ...note, aborted: true, rejected: true }
  const { partition, rid, fingerprint, subjects } = reservation
  const command = { partition, rid, fingerprint, subjects }
  const marking = { op: 'M' as const, ...command, note: noteText(rejected), lookMs: AGAIN_MS }
  const reply = await context.ledger.finish(marking)
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'FENCED') throw recovering('reject the upload')
  if (reply.code === 'OK') {
    await recordOrLog(context, endEvent(context, 'upload.rejected', rejected, rid))
    // What another call has put together meanwhile is there, and is settled by the sweeper.
    if ((await abortAtStore(context, reservation, note)) === 'ended') {
      await context.ledger.finish({ op: 'V', ...command })
      context.telemetry.uploadEnded({ bucket: note.bucket, how: 'rejected' })
    }
  }
  throw new GatewayError('UploadRejected', `Cannot complete the upload: ${why}`)
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
