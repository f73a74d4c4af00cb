import type { Principal } from '../auth/principal.ts'
import { GatewayError } from '../errors.ts'
import type { Reservation } from '../ledger/port.ts'
import { invalidMember } from '../policy/invalid.ts'
import { chargeRequests } from './charge-requests.ts'
import { type ClaimedPart, putTogether } from './complete-multipart.ts'
import type { GatewayContext } from './context.ts'
import { rejectedError } from './end-multipart.ts'
import { ownUploadToFinish } from './own-upload.ts'
import { placeOf } from './place-of.ts'
import { changedMeanwhile, recovering } from './refusal.ts'
import { noteText, type UploadNote, uploadNoteOf } from './reservation-note.ts'
import { settle } from './settle.ts'
import { assertCallable } from './store-fitness.ts'
import { statusOf, type UploadView, uploadView } from './upload-view.ts'

export interface CompleteUploadRequest {
  readonly principal: Principal
  readonly uploadId: string
  /** What the caller believes to have sent; without it the store's own list is all that counts. */
  readonly parts?: readonly ClaimedPart[] | undefined
}

/**
 * Looks at the store and settles; an upload of parts is put together first. Repeating it gives the same
 * answer. Throws what `ownUploadToFinish` throws, `UploadIncomplete` when the object or a part is not there (yet),
 * `UploadRejected` when it is larger than reserved or would replace what must stay, `UploadNotPending`
 * after an abort, `InvalidRequest` for a list of parts of an upload that has none, `SlowDown` and
 * `QuotaExceeded` for one of parts, which is charged as one request each time that the store is asked,
 * `StoreUnavailable`, `LedgerUnavailable`, `Overloaded`.
 */
export async function completeUpload(
  context: GatewayContext,
  { principal, uploadId, parts }: CompleteUploadRequest,
): Promise<UploadView> {
  const { reservation, note } = await ownUploadToFinish(context, principal, uploadId)
  if (parts !== undefined && note.multipart === undefined) {
    throw invalidMember('parts', 'must be left out: the upload is not of parts')
  }
  const status = statusOf(reservation.state, note)
  if (status === 'completed') return uploadView(reservation, note)
  if (status === 'rejected') throw rejectedError(note)
  if (status === 'aborted') {
    throw new GatewayError('UploadNotPending', 'Cannot complete the upload: it was aborted')
  }
  if (note.multipart !== undefined && reservation.state === 'P') {
    // Asks the store for up to 10,000 parts: a request of its own, and one at a time.
    return context.completions.share({ rid: reservation.rid, parts }, async () => {
      assertCallable(context, placeOf(context, note).placement.store)
      await chargeRequests(context, principal, 1)
      return settled(context, await putTogether(context, reservation, note, parts), note)
    })
  }
  return settled(context, reservation, note)
}

async function settled(
  context: GatewayContext,
  reservation: Reservation,
  note: UploadNote,
): Promise<UploadView> {
  const settlement = await settle(context, reservation, note)
  switch (settlement.how) {
    case 'settled':
      return uploadView(
        { ...reservation, state: 'S', actual: settlement.sizeBytes },
        settlement.note,
      )
    case 'seen':
      return await markSeen(context, reservation, settlement.note)
    case 'rejected':
      throw rejectedError(settlement.note)
    case 'absent':
      throw new GatewayError(
        'UploadIncomplete',
        'Cannot complete the upload: the store does not have the object with this upload’s ticket',
      )
  }
}

/**
 * Notes what was seen of a form's object. A form that is still alive can replace it: what it can take stays
 * reserved until then. Throws `LedgerUnavailable`.
 */
export async function markSeen(
  context: GatewayContext,
  reservation: Reservation,
  note: UploadNote,
): Promise<UploadView> {
  const { partition, rid, fingerprint, subjects } = reservation
  const marking = { op: 'M' as const, partition, rid, fingerprint, subjects, note: noteText(note) }
  const reply = await context.ledger.finish({ ...marking, ifNote: reservation.note })
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'FENCED') throw recovering('complete the upload')
  if (reply.code === 'TERMINAL' || reply.code === 'EXISTS') {
    // Ended or marked in between, by the sweeper or another call: that is the truth.
    const { state, actual, note: text } = reply
    const now = { ...reservation, state, actual, note: text }
    const view = uploadView(now, uploadNoteOf(now) ?? note)
    if (view.status === 'pending') throw changedMeanwhile('complete the upload', reply)
    return view
  }
  return uploadView(reservation, note)
}
