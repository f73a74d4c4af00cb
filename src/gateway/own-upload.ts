import type { Principal } from '../auth/principal.ts'
import { GatewayError } from '../errors.ts'
import type { Reservation } from '../ledger/port.ts'
import { isUploadId } from '../ledger/upload-id.ts'
import { ObjectKey } from '../object-key.ts'
import { authorize } from '../policy/authorize.ts'
import { essenceOf } from '../policy/content-type.ts'
import { authorizeUpload, type UploadAllowance } from './authorize-upload.ts'
import type { GatewayContext } from './context.ts'
import { type UploadNote, uploadNoteOf } from './reservation-note.ts'

/** A caller's upload as the ledger holds it. */
export interface OwnUpload {
  readonly reservation: Reservation
  readonly note: UploadNote
}

/** The same, and what it stands on now. */
export interface OwnUploadToFinish extends OwnUpload {
  readonly allowance: UploadAllowance
}

/**
 * Finds an upload of this caller. Another's id looks like an unknown one: `NoSuchUpload`. Throws
 * `AccessDenied` when the permission for the key has been withdrawn meanwhile.
 */
export async function ownUpload(
  context: Pick<GatewayContext, 'accounts' | 'ledger'>,
  principal: Principal,
  uploadId: string,
): Promise<OwnUpload> {
  const { partition } = context.accounts.of(principal.tenant, principal.user)
  const reservation = isUploadId(uploadId)
    ? await context.ledger.find({ partition, rid: uploadId })
    : undefined
  const note = reservation === undefined ? undefined : uploadNoteOf(reservation)
  if (
    reservation === undefined ||
    note === undefined ||
    note.tenant !== principal.tenant ||
    note.user !== principal.user
  ) {
    throw new GatewayError('NoSuchUpload', 'Cannot find the upload: no upload of yours has this id')
  }
  authorize(principal, {
    operation: operationOf(note),
    bucket: note.bucket,
    key: ObjectKey.parse(note.key),
  })
  return { reservation, note }
}

/**
 * Finds an upload of this caller that is to become an object, by more parts or by completing it: as for a
 * new one, the permission has to cover its size and type, and an overwrite one of its own. Looking at an
 * upload and aborting it ask for less, so that whoever has lost a permission can still clear up. Throws
 * what `ownUpload` throws, `EntityTooLarge` or `UnsupportedMediaType` where only those stand in the way.
 */
export async function ownUploadToFinish(
  context: Pick<GatewayContext, 'accounts' | 'ledger'>,
  principal: Principal,
  uploadId: string,
): Promise<OwnUploadToFinish> {
  const own = await ownUpload(context, principal, uploadId)
  const { bucket, sizeBytes, overwrite = false, ...note } = own.note
  const mode = operationOf(own.note) === 'multipart' ? 'multipart' : 'put'
  const contentType = essenceOf(note.contentType)
  const access = { bucket, mode, overwrite, sizeBytes, contentType } as const
  const allowance = authorizeUpload(principal, access, ObjectKey.parse(note.key))
  return { ...own, allowance }
}

function operationOf({ multipart }: UploadNote): 'upload' | 'multipart' {
  return multipart === undefined ? 'upload' : 'multipart'
}
