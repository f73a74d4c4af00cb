import type { Capabilities } from '../stores/capabilities.ts'
import { objectLocation, placedKey } from '../stores/object-url.ts'
import type { StoreCredential } from '../stores/store.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import { contentHashHeader } from './content-hash.ts'
import { type Grant, signedLifetime } from './grant.ts'
import { objectHeaders, type WantedObject } from './object-headers.ts'
import type { Presigner, PresignRequest } from './presigner.ts'
import { signedUrlOf } from './signed-url-of.ts'

/** One PUT to be signed. Whether the store keeps all of it has been decided before. */
export interface WantedPut extends WantedObject {
  readonly place: ObjectPlace
  /** Default: the store's `write` credential. */
  readonly credential?: StoreCredential
  /** Exact size of the body. */
  readonly sizeBytes: number
  /** Signs `if-none-match: *`. */
  readonly writeOnce: boolean
  /** Signs `if-match` with this value as it is, quotes included where the store wants them. */
  readonly ifMatch?: string
  /** Base64 of the body's SHA-256, 44 characters. */
  readonly sha256?: string
  /** Base64 of the body's MD5, 24 characters. Whether the store looks at it is decided before. */
  readonly md5?: string
  readonly nowMs: number
  readonly expiresAtMs: number
}

/**
 * Signs an upload by PUT for the store's public endpoint, and checks what came out. Signed headers:
 * `host`, `content-length`, the conditions, all of `objectHeaders`, and the content's hash where the
 * store keeps it. Throws `InvalidRequest` for what cannot be a header, `UnsupportedByStore` for a hash
 * or lifetime that the store does not keep, `InternalError` when the signer returned anything but
 * what was asked.
 */
export async function signPut(presigner: Presigner, wanted: WantedPut): Promise<Grant> {
  const { placement } = wanted.place
  const { store } = placement
  const credential = wanted.credential ?? store.credentials.write
  const lifetime = signedLifetime(store.capabilities, wanted, credential)
  const headers = sentHeaders(store.capabilities, wanted)
  const sent = Object.fromEntries(headers)
  headers.set('content-length', String(wanted.sizeBytes))
  const request: PresignRequest = {
    method: 'PUT',
    ...objectLocation(store, 'publicEndpoint', placement.bucket, placedKey(wanted.place)),
    query: NO_QUERY,
    headers,
    credential,
    region: store.region,
    signedAtMs: lifetime.signedAtMs,
    expiresInSeconds: lifetime.expiresInSeconds,
  }
  const url = await signedUrlOf(presigner, request)
  return {
    method: 'PUT',
    url,
    headers: sent,
    expiresAtMs: lifetime.expiresAtMs,
  }
}

const NO_QUERY: PresignRequest['query'] = new Map()

/** All that are signed but the length, which the HTTP client sends by itself. */
function sentHeaders(capabilities: Capabilities, wanted: WantedPut): Map<string, string> {
  // First, so that no fixed header can stand for what this upload is bound to.
  const headers = objectHeaders(capabilities, wanted)
  headers.delete('content-length')
  if (wanted.writeOnce) headers.set('if-none-match', '*')
  if (wanted.ifMatch !== undefined) headers.set('if-match', wanted.ifMatch)
  if (wanted.md5 !== undefined) headers.set('content-md5', wanted.md5)
  if (wanted.sha256 !== undefined) {
    headers.set(...contentHashHeader(capabilities, wanted.sha256))
  }
  return headers
}
