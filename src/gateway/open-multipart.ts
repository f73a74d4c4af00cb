import { GatewayError } from '../errors.ts'
import type { FinishReply } from '../ledger/port.ts'
import { objectHeaders } from '../signing/object-headers.ts'
import type { GatewayContext } from './context.ts'
import { signPlannedParts } from './multipart-parts.ts'
import { changedMeanwhile, recovering } from './refusal.ts'
import { type MultipartNote, noteText, type UploadNote } from './reservation-note.ts'
import { FIRST_LOOK_MS } from './reserve-upload.ts'
import { type Signing, ticketOf } from './sign-upload.ts'
import { FIRST_PARTS, type UploadGrant } from './upload-grant.ts'

/** So long the one that reserved may take to make the upload at the store. */
const MAKE_WITHIN_MS = 10_000

/** A multipart upload that the store knows by now. */
export type MadeMultipart = MultipartNote & { readonly id: string }

/** Whether the store has made the upload. */
export function isMade(multipart: MultipartNote | undefined): multipart is MadeMultipart {
  return multipart?.id !== undefined
}

/**
 * Makes the upload at the store and records its id, before any URL of a part leaves: so that whatever
 * happens next, somebody knows what to abort. Throws `UnsupportedByStore`, `StoreUnavailable`,
 * `LedgerUnavailable`.
 */
export async function openMultipart(
  context: GatewayContext,
  signing: Signing,
  note: UploadNote,
): Promise<UploadNote & { readonly multipart: MadeMultipart }> {
  const { command, plan, nowMs, expMs } = signing
  if (note.multipart === undefined) {
    throw new GatewayError('InternalError', 'Cannot open the upload: it has no parts')
  }
  const id = await context.storeClient.createMultipart(plan.place, headersOf(context, signing))
  const made = { ...note, multipart: { ...note.multipart, id } }
  if (context.ledgerTime.nowMs() - nowMs > MAKE_WITHIN_MS) {
    await abortQuietly(context, signing, id)
    throw new GatewayError('StoreUnavailable', 'Cannot open the upload: the store took too long')
  }
  const { partition, rid, fingerprint, subjects } = command
  let reply: FinishReply
  try {
    reply = await context.ledger.finish({
      op: 'M',
      partition,
      rid,
      fingerprint,
      subjects,
      note: noteText(made),
      // However late it comes: never over the id of another one whose URLs are out, nor over an abort.
      ifNote: noteText(note),
      lookMs: Math.ceil(expMs - nowMs) + FIRST_LOOK_MS,
    })
  } catch (error) {
    // It may be recorded all the same, and then a repetition hands out its parts.
    if (command.replayable !== true) await abortQuietly(context, signing, id)
    throw error
  }
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'OK') return made
  await abortQuietly(context, signing, id)
  if (reply.code === 'FENCED') throw recovering('open the upload')
  throw changedMeanwhile('open the upload', reply)
}

/** Signs the first parts; none of an upload whose parts come with checksums, which nobody knows yet. */
export async function firstParts(
  context: GatewayContext,
  { plan, wanted, nowMs, expiresAtMs }: Signing,
  multipart: MadeMultipart,
): Promise<UploadGrant> {
  const count = multipart.checksums === true ? 0 : Math.min(FIRST_PARTS, multipart.partCount)
  const parts = await signPlannedParts(context, {
    place: plan.place,
    multipart,
    sizeBytes: wanted.sizeBytes,
    parts: Array.from({ length: count }, (_, index) => ({ partNumber: index + 1 })),
    nowMs,
    expiresAtMs,
  })
  const { partSizeBytes, partCount } = multipart
  return { form: 'multipart', plan: { partSizeBytes, partCount }, parts, expiresAtMs }
}

function headersOf(context: GatewayContext, signing: Signing): Map<string, string> {
  const { plan, wanted } = signing
  const { capabilities } = plan.place.placement.store
  const headers = objectHeaders(capabilities, {
    contentType: plan.contentType,
    metadata: wanted.metadata,
    ticket: ticketOf(context, signing),
    bindings: plan.bindings,
  })
  // S3 refuses checksums of parts that were not announced (API reference, CreateMultipartUpload).
  if (wanted.partChecksums === true && capabilities.checksumSha256 === 'yes') {
    headers.set('x-amz-checksum-algorithm', 'SHA256')
  }
  return headers
}

/** An upload without parts takes no room: one that stays behind is found by the sweeper. */
async function abortQuietly(
  context: Pick<GatewayContext, 'storeClient' | 'log'>,
  { plan, command }: Signing,
  id: string,
): Promise<void> {
  try {
    await context.storeClient.abortMultipart(plan.place, id)
  } catch (error) {
    context.log.warn('multipart.abort_failed', { uploadId: command.rid, error })
  }
}
