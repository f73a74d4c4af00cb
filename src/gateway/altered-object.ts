import type { HeadResult, ObjectPlace } from '../stores/store-client.ts'
import { unpinnedAmzHeaders } from '../stores/unpinned-headers.ts'
import type { GatewayContext } from './context.ts'
import type { UploadNote } from './reservation-note.ts'

const CLASS = 'x-amz-storage-class'
const TAGS = 'x-amz-tagging'
const REDIRECT = 'x-amz-website-redirect-location'
const ACL = 'x-amz-acl'
const GRANTS = 'x-amz-grant-*'

/** A store whose access rules cannot be read is in the log at most once in so long, in milliseconds. */
export const ACCESS_LOG_MS = 3_600_000

/**
 * Headers that nobody signed and that the object shows the effect of, of those that whoever held the
 * PUT's URL could add (`unpinnedHeaders`): another storage class than the usual, tags, a redirect, and
 * access rules that let others in. Empty for an object as it was asked for, and of forms and parts, to
 * which nothing can be added. What is ordinary (`cache-control` and its like) is nobody's business here.
 * Asks the store only for access rules, and only where those could be added; where it does not tell them
 * (no such operation, or no permission: `s3:GetObjectAcl`) nothing is held against the object, but the log
 * and a metric say so. Throws `StoreUnavailable`.
 */
export async function alterationsOf(
  context: Pick<GatewayContext, 'storeClient' | 'accessLog' | 'log' | 'telemetry'>,
  note: UploadNote,
  { place, head }: { place: ObjectPlace; head: Extract<HeadResult, { found: true }> },
): Promise<readonly string[]> {
  if (note.post === true || note.multipart !== undefined) return []
  const { capabilities } = place.placement.store
  const addable = new Set(unpinnedAmzHeaders(capabilities, note.signed?.split(',')))
  if (addable.size === 0) return []
  const { storageClass = 'STANDARD', tagCount = 0, redirect } = head
  const seen: string[] = []
  if (addable.has(CLASS) && storageClass !== 'STANDARD') seen.push(CLASS)
  if (addable.has(TAGS) && tagCount > 0) seen.push(TAGS)
  if (addable.has(REDIRECT) && redirect !== undefined) seen.push(REDIRECT)
  if (!addable.has(ACL) && !addable.has(GRANTS)) return seen
  const access = await context.storeClient.acl(place)
  if (access === 'unknown') reportUnseen(context, place.placement.store.name)
  return access === 'shared' ? [ACL, ...seen] : seen
}

function reportUnseen(
  { accessLog, log, telemetry }: Pick<GatewayContext, 'accessLog' | 'log' | 'telemetry'>,
  store: string,
): void {
  telemetry.accessUnseen({ store })
  accessLog.tell(store, (times) => log.warn('upload.access_unseen', { store, times }))
}
