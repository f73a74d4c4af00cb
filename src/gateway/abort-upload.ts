import type { Principal } from '../auth/principal.ts'
import { GatewayError } from '../errors.ts'
import type { FinishReply, Reservation } from '../ledger/port.ts'
import { actor, endEvent, recordOrLog } from './audit-events.ts'
import type { GatewayContext } from './context.ts'
import { abortAtStore, lookWhenPartsAreOver } from './end-multipart.ts'
import { giveUpUnmade } from './leftover-multipart.ts'
import { AGAIN_MS } from './look-again.ts'
import { isMade } from './open-multipart.ts'
import { ownUpload } from './own-upload.ts'
import { changedMeanwhile, recovering } from './refusal.ts'
import { noteText, type UploadNote } from './reservation-note.ts'
import { statusOf } from './upload-view.ts'

/**
 * Marks an upload as aborted. What it reserved is released once its URL can no longer be used: until
 * then the object may still arrive, and then it is charged. One of parts is aborted at the store: where
 * that makes its end certain it is released at once, else by the sweeper. Charged to no limit: only the
 * first abort of an upload asks the store. Safe to repeat. Throws `NoSuchUpload`, and `UploadNotPending` for an upload that is completed or rejected.
 */
export async function abortUpload(
  context: GatewayContext,
  principal: Principal,
  uploadId: string,
): Promise<void> {
  const { reservation, note } = await ownUpload(context, principal, uploadId)
  const status = statusOf(reservation.state, note)
  if (status === 'aborted' || status === 'expired') return
  if (status !== 'pending') throw notPending(status)
  const aborted = abortedNote(context, note)
  const { rid } = reservation
  const reply = await markAborted(context, reservation, aborted)
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'FENCED') throw recovering('abort the upload')
  if (reply.code === 'TERMINAL' && reply.state === 'S') throw notPending('completed')
  if (reply.code === 'EXISTS') throw changedMeanwhile('abort the upload', reply)
  if (reply.code === 'OK') {
    const event = endEvent(context, 'upload.aborted', aborted, rid)
    await recordOrLog(context, { ...event, ...actor(principal) })
    if (isMade(note.multipart)) await releaseParts(context, reservation, aborted)
  }
}

function abortedNote(
  { ledgerTime }: Pick<GatewayContext, 'ledgerTime'>,
  note: UploadNote,
): UploadNote {
  const ofParts = note.multipart !== undefined
  return { ...note, aborted: true, ...(ofParts && { abortedMs: Math.floor(ledgerTime.nowMs()) }) }
}

/** Of parts that the store has not made nothing can come: they end at once. */
function markAborted(
  context: GatewayContext,
  reservation: Reservation,
  aborted: UploadNote,
): Promise<FinishReply> {
  const { multipart } = aborted
  if (multipart !== undefined && !isMade(multipart)) {
    return giveUpUnmade(context, reservation, aborted)
  }
  const { partition, rid, fingerprint, subjects } = reservation
  return context.ledger.finish({
    op: 'M',
    partition,
    rid,
    fingerprint,
    subjects,
    note: noteText(aborted),
    ifNote: reservation.note,
    // Should this gateway go away before it has released them, a sweeper does soon.
    ...(multipart !== undefined && { lookMs: AGAIN_MS }),
  })
}

/** Never throws: the abort is recorded, and the sweeper finishes what the store does not answer now. */
async function releaseParts(
  context: GatewayContext,
  reservation: Reservation,
  note: UploadNote,
): Promise<void> {
  const { partition, rid, fingerprint, subjects } = reservation
  const command = { partition, rid, fingerprint, subjects }
  try {
    const outcome = await abortAtStore(context, reservation, note)
    if (outcome === 'waiting') return await lookWhenPartsAreOver(context, reservation, note)
    if (outcome === 'ended') {
      await context.ledger.finish({ op: 'V', ...command })
      context.telemetry.uploadEnded({ bucket: note.bucket, how: 'aborted' })
      return
    }
  } catch (error) {
    context.log.warn('multipart.abort_failed', { uploadId: rid, error })
  }
  try {
    await context.ledger.finish({ op: 'M', ...command, lookMs: 0 })
  } catch (error) {
    context.log.warn('upload.release_failed', { uploadId: rid, error })
  }
}

function notPending(status: string): GatewayError {
  return new GatewayError('UploadNotPending', `Cannot abort the upload: it is ${status}`)
}
