import { GatewayError } from '../errors.ts'
import { toHex } from '../hashing.ts'
import type { Capabilities } from '../stores/capabilities.ts'
import { objectLocation, placedKey } from '../stores/object-url.ts'
import type { StoreCredential } from '../stores/store.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import { type Grant, signedLifetime } from './grant.ts'
import { assertMetadataName, encodeMetadataValue, invalidMetadata } from './metadata.ts'
import { assertSigned } from './post-sign.ts'
import type { Presigner, PresignRequest } from './presigner.ts'

/** One PUT to be signed. Whether the store keeps all of it has been decided before. */
export interface WantedPut {
  readonly place: ObjectPlace
  /** Default: the store's `write` credential. */
  readonly credential?: StoreCredential
  /** Exact size of the body. */
  readonly sizeBytes: number
  /** Exact value of the header, charset included. */
  readonly contentType: string
  /** Signs `if-none-match: *`. */
  readonly writeOnce: boolean
  /** Signs `if-match` with this value as it is, quotes included where the store wants them. */
  readonly ifMatch?: string
  /** Base64 of the body's SHA-256, 44 characters. */
  readonly sha256?: string
  /** Names without `x-amz-meta-`, any case; values are encoded (`encodeMetadataValue`). */
  readonly metadata: ReadonlyMap<string, string>
  /** The sealed ticket, for `x-amz-meta-signet`. */
  readonly ticket: string
  readonly nowMs: number
  readonly expiresAtMs: number
}

/**
 * Signs an upload by PUT for the store's public endpoint, and checks what came out. Signed headers:
 * `host`, `content-length`, `content-type`, the conditions, all metadata, the store's fixed headers,
 * and the content's hash where the store keeps it. Throws `InvalidRequest` for metadata that cannot
 * be a header, `UnsupportedByStore` for a hash or lifetime that the store does not keep,
 * `InternalError` when the signer returned anything but what was asked.
 */
export async function signPut(presigner: Presigner, wanted: WantedPut): Promise<Grant> {
  const { placement } = wanted.place
  const { store } = placement
  const lifetime = signedLifetime(store.capabilities, wanted)
  const headers = signedHeaders(store.capabilities, wanted)
  const request: PresignRequest = {
    method: 'PUT',
    ...objectLocation(store, 'publicEndpoint', placement.bucket, placedKey(wanted.place)),
    query: new Map(),
    headers,
    credential: wanted.credential ?? store.credentials.write,
    region: store.region,
    signedAtMs: lifetime.signedAtMs,
    expiresInSeconds: lifetime.expiresInSeconds,
  }
  const url = await presigner.presign(request)
  assertSigned(request, url)
  const sent = new Map(headers)
  sent.delete('content-length')
  return {
    method: 'PUT',
    url,
    headers: Object.fromEntries(sent),
    expiresAtMs: lifetime.expiresAtMs,
  }
}

function signedHeaders(capabilities: Capabilities, wanted: WantedPut): Map<string, string> {
  // First, so that none of them can stand for what this upload is bound to.
  const headers = new Map(Object.entries(capabilities.fixedHeaders))
  headers.set('content-length', String(wanted.sizeBytes))
  headers.set('content-type', wanted.contentType)
  if (wanted.writeOnce) headers.set('if-none-match', '*')
  if (wanted.ifMatch !== undefined) headers.set('if-match', wanted.ifMatch)
  for (const [name, value] of wanted.metadata) {
    const header = `x-amz-meta-${assertMetadataName(name)}`
    if (headers.has(header)) throw invalidMetadata(`the name "${name}" comes twice`)
    headers.set(header, encodeMetadataValue(value))
  }
  headers.set('x-amz-meta-signet', wanted.ticket)
  if (wanted.sha256 !== undefined) {
    const [name, value] = contentHeader(capabilities, wanted.sha256)
    headers.set(name, value)
  }
  return headers
}

/** The header that binds the content. The payload hash also becomes the last canonical line. */
function contentHeader(capabilities: Capabilities, sha256: string): [name: string, value: string] {
  if (capabilities.checksumSha256 === 'yes') return ['x-amz-checksum-sha256', sha256]
  if (capabilities.payloadHash === 'yes') return ['x-amz-content-sha256', hexOf(sha256)]
  throw new GatewayError(
    'UnsupportedByStore',
    'Cannot sign for this store: the checksum would not be enforced',
    { capability: 'checksum' },
  )
}

function hexOf(base64: string): string {
  return toHex(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)))
}
