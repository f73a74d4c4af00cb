import { objectLocation, placedKey } from '../stores/object-url.ts'
import type { StoreCredential } from '../stores/store.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import { contentHashHeader } from './content-hash.ts'
import { type Grant, signedLifetime } from './grant.ts'
import type { Presigner, PresignRequest } from './presigner.ts'
import { signedUrlOf } from './signed-url-of.ts'

/** One part to be signed. */
export interface WantedPart {
  /** From 1. */
  readonly partNumber: number
  /** Exact size of the part. */
  readonly sizeBytes: number
  /** Base64 of the part's SHA-256, 44 characters. */
  readonly sha256?: string
}

/** Parts of one upload to be signed. */
export interface WantedParts {
  readonly place: ObjectPlace
  /** Default: the store's `write` credential. */
  readonly credential?: StoreCredential
  /** The store's own id of the upload. */
  readonly uploadId: string
  readonly parts: readonly WantedPart[]
  readonly nowMs: number
  readonly expiresAtMs: number
}

/** A signed UploadPart. */
export interface PartGrant {
  readonly partNumber: number
  readonly sizeBytes: number
  readonly request: Grant
}

/**
 * Signs UploadPart for each part, for the store's public endpoint, and checks what came out. Signed
 * headers: `host`, `content-length`, and the content's hash where one is given; nothing that is fixed
 * for the whole object. Throws `UnsupportedByStore` for a hash or lifetime that the store does not
 * keep, `InternalError` when the signer returned anything but what was asked.
 */
export async function signParts(
  presigner: Presigner,
  wanted: WantedParts,
): Promise<readonly PartGrant[]> {
  const { placement } = wanted.place
  const { store } = placement
  const lifetime = signedLifetime(store.capabilities, wanted)
  const shared = {
    method: 'PUT',
    ...objectLocation(store, 'publicEndpoint', placement.bucket, placedKey(wanted.place)),
    credential: wanted.credential ?? store.credentials.write,
    region: store.region,
    signedAtMs: lifetime.signedAtMs,
    expiresInSeconds: lifetime.expiresInSeconds,
  } as const
  const grants: PartGrant[] = []
  for (const { partNumber, sizeBytes, sha256 } of wanted.parts) {
    const hash = sha256 === undefined ? [] : [contentHashHeader(store.capabilities, sha256)]
    const request: PresignRequest = {
      ...shared,
      query: new Map([
        ['partNumber', String(partNumber)],
        ['uploadId', wanted.uploadId],
      ]),
      headers: new Map([['content-length', String(sizeBytes)], ...hash]),
    }
    const signed = signedUrlOf(presigner, request)
    const url = signed instanceof Promise ? await signed : signed
    grants.push({
      partNumber,
      sizeBytes,
      request: {
        method: 'PUT',
        url,
        headers: Object.fromEntries(hash),
        expiresAtMs: lifetime.expiresAtMs,
      },
    })
  }
  return grants
}
