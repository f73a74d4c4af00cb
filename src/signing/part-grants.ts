import { SignedUrl } from '../secret.ts'
import { objectLocation, placedKey } from '../stores/object-url.ts'
import type { StoreCredential } from '../stores/store.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import { contentHashHeader } from './content-hash.ts'
import { type Grant, signedLifetime } from './grant.ts'
import { createPartAssertion } from './post-sign.ts'
import type { Presigner } from './presigner.ts'
import { signedUrlOf } from './signed-url-of.ts'

/** Of all parts whose content is not bound. */
const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({})

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
  const credential = wanted.credential ?? store.credentials.write
  const lifetime = signedLifetime(store.capabilities, wanted, credential)
  const shared = {
    method: 'PUT',
    ...objectLocation(store, 'publicEndpoint', placement.bucket, placedKey(wanted.place)),
    credential,
    region: store.region,
    signedAtMs: lifetime.signedAtMs,
    expiresInSeconds: lifetime.expiresInSeconds,
  } as const
  const lastLook = createPartAssertion()
  const grants: PartGrant[] = []
  let sizeOnly = sizeHeader(0)
  for (const part of wanted.parts) {
    const hash =
      part.sha256 === undefined ? undefined : contentHashHeader(store.capabilities, part.sha256)
    // All parts but the last are of one size, and mostly without a hash: one map will do for them.
    if (part.sizeBytes !== sizeOnly.sizeBytes) sizeOnly = sizeHeader(part.sizeBytes)
    const headers = hash === undefined ? sizeOnly.headers : new Map([...sizeOnly.headers, hash])
    const query = new Map<string, string>()
    query.set('partNumber', String(part.partNumber))
    query.set('uploadId', wanted.uploadId)
    const signed = signedUrlOf(presigner, { ...shared, query, headers }, lastLook)
    // Without a turn of the loop for each of 10,000 parts, where the driver needs none.
    const url = signed instanceof SignedUrl ? signed : await signed
    grants.push({
      partNumber: part.partNumber,
      sizeBytes: part.sizeBytes,
      request: {
        method: 'PUT',
        url,
        headers: hash === undefined ? NO_HEADERS : { [hash[0]]: hash[1] },
        expiresAtMs: lifetime.expiresAtMs,
      },
    })
  }
  return grants
}

function sizeHeader(sizeBytes: number) {
  return { sizeBytes, headers: new Map([['content-length', String(sizeBytes)]]) }
}
