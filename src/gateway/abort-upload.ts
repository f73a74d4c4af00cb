import type { Principal } from '../auth/principal.ts'
import { GatewayError } from '../errors.ts'
import { recordOrLog } from './audit-events.ts'
import type { GatewayContext } from './context.ts'
import { ownUpload } from './own-upload.ts'
import { recovering } from './refusal.ts'
import { noteText, type UploadNote } from './reservation-note.ts'
import { endEvent } from './settle.ts'
import { statusOf } from './upload-view.ts'

/**
 * Marks an upload as aborted. What it reserved is released once its URL can no longer be used: until
 * then the object may still arrive, and then it is charged. Safe to repeat. Throws `NoSuchUpload`,
 * and `UploadNotPending` for an upload that is completed or rejected.
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
  const aborted: UploadNote = { ...note, aborted: true }
  const { partition, rid, fingerprint, subjects } = reservation
  const reply = await context.ledger.finish({
    op: 'M',
    partition,
    rid,
    fingerprint,
    subjects,
    note: noteText(aborted),
  })
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'FENCED') throw recovering('abort the upload')
  if (reply.code === 'TERMINAL' && reply.state === 'S') throw notPending('completed')
  if (reply.code === 'OK') {
    await recordOrLog(context, endEvent(context, 'upload.aborted', aborted, rid))
  }
}

function notPending(status: string): GatewayError {
  return new GatewayError('UploadNotPending', `Cannot abort the upload: it is ${status}`)
}
