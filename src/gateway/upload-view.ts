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
  if (state === 'X') return 'expired'
  if (state === 'V' || note.aborted === true) return 'aborted'
  return 'pending'
}

/** Shows a reservation; `sizeBytes` is the real size once it is known. */
export function uploadView(reservation: Reservation, note: UploadNote): UploadView {
  return {
    id: reservation.rid,
    status: statusOf(reservation.state, note),
    bucket: note.bucket,
    key: note.key,
    sizeBytes: reservation.actual >= 0 ? reservation.actual : note.sizeBytes,
    contentType: note.contentType,
    createdAt: toTimestamp(note.createdMs),
    expiresAt: toTimestamp(urlExpiryMs(reservation.expMs, note.afterUrlMs)),
    ...(note.settledMs !== undefined && { completedAt: toTimestamp(note.settledMs) }),
    ...(note.etag !== undefined && { etag: note.etag }),
    ...(note.versionId !== undefined && { versionId: note.versionId }),
  }
}
