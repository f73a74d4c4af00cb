import type { Principal } from '../auth/principal.ts'
import { GatewayError } from '../errors.ts'
import type { GatewayContext } from './context.ts'
import { ownUpload } from './own-upload.ts'
import { settle } from './settle.ts'
import { statusOf, type UploadView, uploadView } from './upload-view.ts'

/**
 * Looks at the store and settles. Repeating it gives the same answer. Throws `NoSuchUpload`,
 * `UploadIncomplete` when the object is not there (yet), `UploadRejected` when it is larger than
 * reserved, `UploadNotPending` after an abort, `StoreUnavailable`, `LedgerUnavailable`.
 */
export async function completeUpload(
  context: GatewayContext,
  principal: Principal,
  uploadId: string,
): Promise<UploadView> {
  const { reservation, note } = await ownUpload(context, principal, uploadId)
  const status = statusOf(reservation.state, note)
  if (status === 'completed') return uploadView(reservation, note)
  if (status === 'rejected') throw rejected()
  if (status === 'aborted') {
    throw new GatewayError('UploadNotPending', 'Cannot complete the upload: it was aborted')
  }
  const settlement = await settle(context, reservation, note)
  switch (settlement.how) {
    case 'settled':
      return uploadView(
        { ...reservation, state: 'S', actual: settlement.sizeBytes },
        settlement.note,
      )
    case 'rejected':
      throw rejected()
    case 'absent':
      throw new GatewayError(
        'UploadIncomplete',
        'Cannot complete the upload: the store does not have the object with this upload’s ticket',
      )
  }
}

function rejected(): GatewayError {
  return new GatewayError(
    'UploadRejected',
    'Cannot complete the upload: the object is larger than was reserved, or came too late to fit',
  )
}
