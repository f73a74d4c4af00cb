import type { GatewayContext } from './context.ts'
import { giveUpUnmade, type UnmadeReservation, watchLeftover } from './leftover-multipart.ts'
import { isMade } from './open-multipart.ts'
import { placeOf } from './place-of.ts'
import type { UploadNote } from './reservation-note.ts'

/**
 * Gives back what was reserved for an upload whose grant nobody has seen, and ends one of parts at the
 * store. Never throws: the first error must be seen, and the sweeper is next.
 */
export async function abandonUpload(
  context: GatewayContext,
  reservation: UnmadeReservation,
  note: UploadNote,
): Promise<void> {
  const { partition, rid, fingerprint, subjects } = reservation
  const { multipart } = note
  try {
    if (multipart !== undefined && !isMade(multipart)) {
      await giveUpUnmade(context, reservation, note)
      return
    }
    // Should the store not answer now, the watch knows what to abort.
    if (multipart !== undefined) await watchLeftover(context, reservation, note)
    await context.ledger.finish({ op: 'V', partition, rid, fingerprint, subjects })
    if (multipart !== undefined) {
      await context.storeClient.abortMultipart(placeOf(context, note), multipart.id)
    }
  } catch (error) {
    context.log.warn('upload.release_failed', { uploadId: rid, error })
  }
}
