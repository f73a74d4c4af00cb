import { parseOrigin } from '../config/address.ts'
import { signedLifetime } from '../signing/grant.ts'
import type { PresignRequest } from '../signing/presigner.ts'
import { bucketLocation, objectLocation, placedKey } from '../stores/object-url.ts'
import type { Placement, Store } from '../stores/store.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'

/** What a page does with grants: `settings` is a PUT with everything that an upload may bind. */
export const PAGE_USES = ['put', 'settings', 'form', 'part', 'get'] as const
export type PageUse = (typeof PAGE_USES)[number]

/** A request that a page would send, as a preflight asks for it. */
export interface PageUseRequest {
  readonly method: 'PUT' | 'POST' | 'GET'
  /** Lower-case names. */
  readonly headers: readonly string[]
  /** Signed for a minute, for no body. Never to be shown: whoever has it may do what it says. */
  readonly url: string
}

type Signs = Pick<GatewayContext, 'clock' | 'presigner'>

/** So long a URL of ours may be used. */
const LIFETIME_MS = 60_000
/** What an upload may bind besides what all of them do. */
const SETTINGS = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-md5',
  'if-match',
  'x-amz-checksum-sha256',
  'x-amz-content-sha256',
  'x-amz-server-side-encryption',
  'x-amz-storage-class',
  'x-amz-tagging',
]

/** What pages do with grants of this store, as far as Signet would sign it. */
export function pageUsesOf({ store }: Placement): readonly PageUse[] {
  const { multipart, postPolicy } = store.capabilities
  return PAGE_USES.filter((use) => {
    if (use === 'form') return postPolicy === 'yes'
    return use !== 'part' || multipart === 'yes'
  })
}

/**
 * A request of a page about one object. Stores look at the signature of a preflight (Ceph refuses one
 * that has ended, and to Swift a URL without any is none of S3's), so the URL is signed. Throws
 * `StoreUnavailable` where the store's credential ends at once.
 */
export async function pageRequest(
  context: Signs,
  place: ObjectPlace,
  use: PageUse,
): Promise<PageUseRequest> {
  const { store, bucket } = place.placement
  const headers = headersOf(place.placement, use)
  if (use === 'form') {
    const { origin, path } = bucketLocation(store, 'publicEndpoint', bucket)
    return { method: 'POST', headers, url: `${origin}${path}` }
  }
  const method = use === 'get' ? 'GET' : 'PUT'
  const signed = await context.presigner.presign({
    method,
    ...objectLocation(store, 'publicEndpoint', bucket, placedKey(place)),
    query: use === 'part' ? PART : new Map(),
    // Signed like an upload's, whose length is always bound.
    headers: method === 'PUT' ? new Map([['content-length', '0']]) : new Map(),
    ...signedBy(context, store, use === 'get' ? 'read' : 'write'),
  })
  return { method, headers, url: signed.reveal() }
}

/** URL of a HEAD of an object, to look at the answer. Never to be shown. */
export async function lookUrl(context: Signs, place: ObjectPlace): Promise<string> {
  const { store, bucket } = place.placement
  const signed = await context.presigner.presign({
    method: 'HEAD',
    ...objectLocation(store, 'publicEndpoint', bucket, placedKey(place)),
    query: new Map(),
    headers: new Map(),
    ...signedBy(context, store, 'read'),
  })
  return signed.reveal()
}

function signedBy({ clock }: Signs, store: Store, purpose: keyof Store['credentials']) {
  const nowMs = clock.nowMs()
  const credential = store.credentials[purpose]
  const wanted = { nowMs, expiresAtMs: nowMs + LIFETIME_MS }
  const { signedAtMs, expiresInSeconds } = signedLifetime(store.capabilities, wanted, credential)
  return { credential, region: store.region, signedAtMs, expiresInSeconds }
}

/**
 * Whether browsers keep a page of this origin from this endpoint without asking anybody (W3C, Mixed
 * Content): loopback addresses count as safe.
 */
export function isMixedContent(origin: string, endpoint: string): boolean {
  const parsed = parseOrigin(endpoint)
  if (typeof parsed === 'string' || parsed.isEncrypted || parsed.isLoopback) return false
  return origin.startsWith('https:')
}

/** Of no upload that there is. */
const PART: PresignRequest['query'] = new Map([
  ['partNumber', '1'],
  ['uploadId', 'signet'],
])

function headersOf({ store }: Placement, use: PageUse): string[] {
  if (use !== 'put' && use !== 'settings') return []
  const { fixedHeaders, writeOnce } = store.capabilities
  const names = new Set(['content-type', 'x-amz-meta-signet', ...Object.keys(fixedHeaders)])
  if (writeOnce === 'if-none-match') names.add('if-none-match')
  if (use === 'settings') for (const name of SETTINGS) names.add(name)
  return [...names].sort((a, b) => (a < b ? -1 : 1))
}
