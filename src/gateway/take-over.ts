import { GatewayError } from '../errors.ts'
import type { GatewayContext } from './context.ts'
import { type UnmadeReservation, watchLeftover } from './leftover-multipart.ts'
import { type UploadNote, uploadNoteOf } from './reservation-note.ts'

/** After this long somebody else may make the upload, with the same idempotency key. */
const TAKE_OVER_AFTER_MS = 15_000
/** By then the sweeper has given the reservation up. */
const MAX_ATTEMPTS = 20

/**
 * Passes one repetition at a time that has to make the upload itself, because whoever reserved it has
 * not: two uploads at the store for one key would be one too many. Answers the reservation's note as it
 * is now, for another one may have been faster. Throws `StoreUnavailable` while somebody may still be
 * at it, `LedgerUnavailable`.
 */
export async function takeOver(
  context: GatewayContext,
  reservation: UnmadeReservation,
  note: UploadNote,
  nowMs: number,
): Promise<UploadNote> {
  let sinceMs = note.createdMs
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    if (nowMs - sinceMs < TAKE_OVER_AFTER_MS) break
    const watch = await watchLeftover(context, reservation, note, attempt)
    if (watch.isNew) {
      const now = await context.ledger.find(reservation)
      return (now && uploadNoteOf(now)) ?? note
    }
    sinceMs = watch.sinceMs
  }
  throw new GatewayError('StoreUnavailable', 'Cannot open the upload: it is being opened')
}
