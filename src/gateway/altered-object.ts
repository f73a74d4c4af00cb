import type { HeadResult, ObjectPlace } from '../stores/store-client.ts'
import { unpinnedAmzHeaders } from '../stores/unpinned-headers.ts'
import type { GatewayContext } from './context.ts'
import type { UploadNote } from './reservation-note.ts'

const CLASS = 'x-amz-storage-class'
const TAGS = 'x-amz-tagging'
const REDIRECT = 'x-amz-website-redirect-location'
const ACL = 'x-amz-acl'
const GRANTS = 'x-amz-grant-*'

/**
 * Headers that nobody signed and that the object shows the effect of, of those that whoever held the
 * PUT's URL could add (`unpinnedHeaders`): another storage class than the usual, tags, a redirect, and
 * access rules that let others in. Empty for an object as it was asked for, and of forms and parts, to
 * which nothing can be added. What is ordinary (`cache-control` and its like) is nobody's business here.
 * Asks the store only for access rules, and only where those could be added. Throws `StoreUnavailable`.
 */
export async function alterationsOf(
  { storeClient }: Pick<GatewayContext, 'storeClient'>,
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
  return (await storeClient.acl(place)) === 'shared' ? [ACL, ...seen] : seen
}
