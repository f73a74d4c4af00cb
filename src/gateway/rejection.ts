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
 * just that. An object that is larger, or that somebody added to (`alterationsOf`), is an alarm, and
 * whatever comes after one that was removed for it goes the same way. Throws `StoreUnavailable`.
 */
export async function rejectionOf(
  context: GatewayContext,
  uploadId: string,
  note: UploadNote,
  found: { place: ObjectPlace; head: Extract<HeadResult, { found: true }> },
): Promise<Rejection | undefined> {
  const altered = await alterationsOf(context, note, found)
  const isOversized = found.head.sizeBytes > note.sizeBytes
  const before = rejectedBefore(note)
  if (!isOversized && altered.length === 0 && before === undefined) return undefined
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
    ((isOversized || before === 'oversized') && rules?.oversized === 'delete') ||
    ((altered.length > 0 || before === 'altered') && rules?.altered === 'delete')
  if (before !== undefined) context.log.warn('upload.came_again', { uploadId, bucket })
  return {
    note: altered.length === 0 || before !== undefined ? note : { ...note, altered },
    // Where versions are kept, removing leaves the bytes behind a delete marker: then they are charged.
    rule: isRemoved && found.head.versionId === undefined ? 'delete' : 'keep',
  }
}

/**
 * Why the first object of an upload was rejected and removed, if one was. Rejected stays rejected: its
 * caller has been told, so that nobody waits for a second object, were it the right one.
 */
function rejectedBefore(note: UploadNote): 'altered' | 'oversized' | undefined {
  // One of parts that was rejected before it was put together never had an object.
  if (note.rejected !== true || note.rejectedFor !== undefined) return undefined
  return note.altered === undefined ? 'oversized' : 'altered'
}
