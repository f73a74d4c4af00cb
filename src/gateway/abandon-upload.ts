import type { ReserveCommand } from '../ledger/port.ts'
import type { GatewayContext } from './context.ts'
import type { UploadNote } from './reservation-note.ts'
import { placeOf } from './settle.ts'

/**
 * Gives back what was reserved for an upload whose grant nobody has seen, and ends one of parts at the
 * store. Never throws: the first error must be seen, and the sweeper is next.
 */
export async function abandonUpload(
  context: GatewayContext,
  { partition, rid, fingerprint, subjects }: ReserveCommand,
  note: UploadNote,
): Promise<void> {
  try {
    await context.ledger.finish({ op: 'V', partition, rid, fingerprint, subjects })
    const id = note.multipart?.id
    if (id !== undefined) await context.storeClient.abortMultipart(placeOf(context, note), id)
  } catch (error) {
    context.log.warn('upload.release_failed', { uploadId: rid, error })
  }
}
