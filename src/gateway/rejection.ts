import type { HeadResult, ObjectPlace } from '../stores/store-client.ts'
import { alterationsOf } from './altered-object.ts'
import type { GatewayContext } from './context.ts'
import type { UploadNote } from './reservation-note.ts'

/** Why an object that is there is not the upload that was granted, and what the bucket says to it. */
export interface Rejection {
  /** With what was altered. */
  readonly note: UploadNote
  readonly rule: 'keep' | 'delete'
}

/**
 * Holds an object that carries an upload's own ticket against what was granted; `undefined` when it is
 * just that. An object that is larger, or that somebody added to (`alterationsOf`), is an alarm. Throws
 * `StoreUnavailable`.
 */
export async function rejectionOf(
  context: GatewayContext,
  uploadId: string,
  note: UploadNote,
  found: { place: ObjectPlace; head: Extract<HeadResult, { found: true }> },
): Promise<Rejection | undefined> {
  const altered = await alterationsOf(context, note, found)
  const isOversized = found.head.sizeBytes > note.sizeBytes
  if (!isOversized && altered.length === 0) return undefined
  const { bucket } = note
  const rules = context.config.buckets.get(bucket)?.upload
  if (isOversized) {
    context.log.error('upload.oversized', {
      uploadId,
      bucket,
      reservedBytes: note.sizeBytes,
      actualBytes: found.head.sizeBytes,
    })
  }
  if (altered.length > 0) {
    context.log.error('upload.altered', { uploadId, bucket, headers: altered.join(', ') })
    for (const header of altered) context.telemetry.objectAltered({ bucket, header })
  }
  const isRemoved =
    (isOversized && rules?.oversized === 'delete') ||
    (altered.length > 0 && rules?.altered === 'delete')
  return {
    note: altered.length === 0 ? note : { ...note, altered },
    rule: isRemoved ? 'delete' : 'keep',
  }
}
