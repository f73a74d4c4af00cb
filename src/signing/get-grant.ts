import { objectLocation, placedKey } from '../stores/object-url.ts'
import type { StoreCredential } from '../stores/store.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import { contentDisposition } from './content-disposition.ts'
import { type Grant, signedLifetime } from './grant.ts'
import type { Presigner, PresignRequest } from './presigner.ts'
import { signedUrlOf } from './signed-url-of.ts'

/** One GET to be signed. */
export interface WantedGet {
  readonly place: ObjectPlace
  /** Default: the store's `read` credential. */
  readonly credential?: StoreCredential
  readonly disposition: 'attachment' | 'inline'
  readonly filename?: string
  readonly versionId?: string
  readonly nowMs: number
  readonly expiresAtMs: number
}

/**
 * Signs a download for the store's public endpoint, and checks what came out. The disposition is
 * signed where the store honours it (`responseOverrides`) and left out elsewhere: whether that may
 * be is the caller's decision, before. Throws `InvalidRequest` for a filename that `parseFilename`
 * refuses, `UnsupportedByStore` for a lifetime above the store's, `InternalError` when the signer
 * returned anything but what was asked.
 */
export async function signGet(presigner: Presigner, wanted: WantedGet): Promise<Grant> {
  const { placement } = wanted.place
  const { store } = placement
  const credential = wanted.credential ?? store.credentials.read
  const lifetime = signedLifetime(store.capabilities, wanted, credential)
  const query = new Map<string, string>()
  const disposition = contentDisposition(wanted.disposition, wanted.filename)
  if (store.capabilities.responseOverrides === 'yes') {
    query.set('response-content-disposition', disposition)
  }
  if (wanted.versionId !== undefined) query.set('versionId', wanted.versionId)
  const request: PresignRequest = {
    method: 'GET',
    ...objectLocation(store, 'publicEndpoint', placement.bucket, placedKey(wanted.place)),
    query,
    headers: new Map(),
    credential,
    region: store.region,
    signedAtMs: lifetime.signedAtMs,
    expiresInSeconds: lifetime.expiresInSeconds,
  }
  const url = await signedUrlOf(presigner, request)
  return { method: 'GET', url, headers: {}, expiresAtMs: lifetime.expiresAtMs }
}
