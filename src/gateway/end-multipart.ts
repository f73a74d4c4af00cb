import { GatewayError } from '../errors.ts'
import type { Reservation } from '../ledger/port.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import { recordOrLog } from './audit-events.ts'
import type { GatewayContext } from './context.ts'
import { isMade } from './open-multipart.ts'
import { ownTicket } from './own-ticket.ts'
import { recovering } from './refusal.ts'
import { noteText, type UploadNote } from './reservation-note.ts'
import { endEvent, placeOf } from './settle.ts'

/** Clocks of the store and the ledger may differ by this much when an upload was made. */
const MADE_WITHIN_MS = 120_000

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
  const place = placeOf(context, note)
  if (isMade(multipart)) await abortForCertain(context, place, multipart.id)
  else await abortUnknown(context, place, { note, rid: reservation.rid })
  const head = await context.storeClient.head(place)
  const arrived = head.found && ownTicket(context, place, head)?.rid === reservation.rid
  return arrived ? 'arrived' : 'ended'
}

/** Ends an upload that may not be completed as it is, and says so: throws `UploadRejected`. */
export async function rejectMultipart(
  context: GatewayContext,
  reservation: Reservation,
  { note, why }: { readonly note: UploadNote; readonly why: string },
): Promise<never> {
  await abortAtStore(context, reservation, note)
  const rejected: UploadNote = { ...note, rejected: true }
  const { partition, rid, fingerprint, subjects } = reservation
  const text = noteText(rejected)
  const voiding = { op: 'V' as const, partition, rid, fingerprint, subjects, note: text }
  const reply = await context.ledger.finish(voiding)
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'FENCED') throw recovering('reject the upload')
  if (reply.code === 'OK') {
    context.telemetry.uploadEnded({ bucket: note.bucket, how: 'rejected' })
    await recordOrLog(context, endEvent(context, 'upload.rejected', rejected, rid))
  }
  throw new GatewayError('UploadRejected', `Cannot complete the upload: ${why}`)
}

/** A part under way can outlive an abort (S3 API, AbortMultipartUpload): then once more. */
async function abortForCertain(
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

/**
 * The gateway that reserved went away before it had recorded what the store made. No URL has left, so
 * the upload has no parts and takes no room; another one for the same key that has some, or is of another
 * time, stays. A store that does not list uploads must not keep a reservation from ending.
 */
async function abortUnknown(
  { storeClient, log }: Pick<GatewayContext, 'storeClient' | 'log'>,
  place: ObjectPlace,
  { note, rid }: { readonly note: UploadNote; readonly rid: string },
): Promise<void> {
  try {
    for (const { uploadId, initiatedMs } of await storeClient.listMultiparts(place)) {
      if (Math.abs(initiatedMs - note.createdMs) > MADE_WITHIN_MS) continue
      const parts = await storeClient.listParts(place, uploadId)
      if (parts?.length === 0) await storeClient.abortMultipart(place, uploadId)
    }
  } catch (error) {
    log.warn('multipart.abort_failed', { uploadId: rid, error })
  }
}
