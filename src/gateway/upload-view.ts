import { toTimestamp } from '../clock.ts'
import type { Reservation, ReservationState } from '../ledger/port.ts'
import { type UploadNote, urlExpiryMs } from './reservation-note.ts'

export type UploadStatus = 'pending' | 'completed' | 'aborted' | 'expired' | 'rejected'

/** An upload as its owner sees it; never its grant (`api.md`, Uploads). */
export interface UploadView {
  readonly id: string
  readonly status: UploadStatus
  readonly bucket: string
  readonly key: string
  readonly sizeBytes: number
  readonly contentType: string
  readonly createdAt: string
  readonly expiresAt: string
  readonly completedAt?: string
  readonly etag?: string
  readonly versionId?: string
}

/** The status that a caller sees for a state of the ledger. */
export function statusOf(state: ReservationState, note: UploadNote): UploadStatus {
  if (note.rejected === true || state === 'D') return 'rejected'
  if (state === 'S') return 'completed'
  // A form's object that was seen, and deleted before it could be settled.
  if (state === 'X') return note.seen === undefined ? 'expired' : 'completed'
  if (state === 'V' || note.aborted === true) return 'aborted'
  if (note.seen !== undefined) return 'completed'
  return 'pending'
}

/** Shows a reservation; `sizeBytes` is the real size once it is known. */
export function uploadView(reservation: Reservation, note: UploadNote): UploadView {
  const { seen } = note
  const etag = note.etag ?? seen?.etag
  const versionId = note.versionId ?? seen?.versionId
  const completedMs = note.settledMs ?? seen?.atMs
  return {
    id: reservation.rid,
    status: statusOf(reservation.state, note),
    bucket: note.bucket,
    key: note.key,
    sizeBytes: reservation.actual >= 0 ? reservation.actual : (seen?.sizeBytes ?? note.sizeBytes),
    contentType: note.contentType,
    createdAt: toTimestamp(note.createdMs),
    expiresAt: toTimestamp(urlExpiryMs(reservation.expMs, note.afterUrlMs)),
    ...(completedMs !== undefined && { completedAt: toTimestamp(completedMs) }),
    ...(etag !== undefined && { etag }),
    ...(versionId !== undefined && { versionId }),
  }
}
