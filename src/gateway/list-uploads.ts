import type { Principal } from '../auth/principal.ts'
import type { ReservationState } from '../ledger/port.ts'
import type { GatewayContext } from './context.ts'
import { openCursor, sealCursor } from './cursor.ts'
import { ownUpload } from './own-upload.ts'
import { uploadNoteOf } from './reservation-note.ts'
import { statusOf, type UploadStatus, type UploadView, uploadView } from './upload-view.ts'

export interface ListUploadsRequest {
  readonly principal: Principal
  readonly status: UploadStatus
  /** 1 to 1,000. */
  readonly limit: number
  readonly cursor?: string | undefined
}

export interface UploadPage {
  readonly uploads: readonly UploadView[]
  readonly nextCursor?: string
}

/** An upload of the caller, without its grant. Throws `NoSuchUpload`, `AccessDenied`. */
export async function getUpload(
  context: GatewayContext,
  principal: Principal,
  uploadId: string,
): Promise<UploadView> {
  const { reservation, note } = await ownUpload(context, principal, uploadId)
  return uploadView(reservation, note)
}

// An aborted upload stays `P` until its URL is dead, one that came by a form until nothing can replace it;
// a rejected one may have been recorded as it is, or not be aborted at the store yet.
const STATES: Readonly<Record<UploadStatus, readonly ReservationState[]>> = {
  pending: ['P'],
  completed: ['P', 'S', 'X'],
  aborted: ['P', 'V'],
  expired: ['X'],
  rejected: ['P', 'S', 'V', 'D'],
}

/** The caller's own uploads, in the order of their ids. Throws `InvalidRequest` for a bad cursor. */
export async function listUploads(
  context: GatewayContext,
  { principal, status, limit, cursor }: ListUploadsRequest,
): Promise<UploadPage> {
  const { tenant, user } = principal
  const scope = ['uploads', tenant, user, status]
  const after = cursor === undefined ? undefined : openCursor(context, scope, cursor)
  const { uploads, last } = await uploadsOfUser(context, { tenant, user, status, limit, after })
  return { uploads, ...(last !== undefined && { nextCursor: sealCursor(context, scope, last) }) }
}

/** Which uploads of whom. */
export interface UploadsOfUser {
  readonly tenant: string
  readonly user: string
  readonly status: UploadStatus
  /** 1 to 1,000. */
  readonly limit: number
  /** Only ids after this one. */
  readonly after?: string | undefined
}

/**
 * Uploads of one user, in the order of their ids. `looked`: how many reservations of the limit there were,
 * of this status or not; `last`: the last of them when there are more. Throws `AccessDenied` for a user
 * that there is none of.
 */
export async function uploadsOfUser(
  context: Pick<GatewayContext, 'accounts' | 'ledger'>,
  { tenant, user, status, limit, after }: UploadsOfUser,
): Promise<{ uploads: readonly UploadView[]; looked: number; last?: string }> {
  const { partition, subjects } = context.accounts.of(tenant, user)
  const reservations = await context.ledger.list({
    partition,
    owner: subjects.user,
    states: STATES[status],
    ridPrefix: 'up_',
    ...(after !== undefined && { after }),
    limit: limit + 1,
  })
  const page = reservations.slice(0, limit)
  const last = page.at(-1)
  const uploads = page.flatMap((reservation) => {
    const note = uploadNoteOf(reservation)
    const shown = note !== undefined && statusOf(reservation.state, note) === status
    return shown ? [uploadView(reservation, note)] : []
  })
  const more = reservations.length > limit && last !== undefined
  return { uploads, looked: page.length, ...(more && { last: last.rid }) }
}
