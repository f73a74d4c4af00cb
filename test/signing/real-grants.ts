import { ObjectKey } from '../../src/object-key.ts'
import { createAws4fetchPresigner } from '../../src/signing/aws4fetch-presigner.ts'
import { signGet, type WantedGet } from '../../src/signing/get-grant.ts'
import type { Grant } from '../../src/signing/grant.ts'
import { signPut, type WantedPut } from '../../src/signing/put-grant.ts'
import { createStoreClient } from '../../src/stores/s3-client.ts'
import type { Placement } from '../../src/stores/store.ts'
import type { ObjectPlace } from '../../src/stores/store-client.ts'

const presigner = createAws4fetchPresigner()

/** The gateway's own calls, for the truth about an object. */
export const client = createStoreClient({ fetch })

/** A place by its key. Default `k`. */
export function at(placement: Placement, key = 'k'): ObjectPlace {
  return { placement, key: ObjectKey.parse(key) }
}

/** Bytes of a text in UTF-8. */
export function sizeOf(text: string): number {
  return new TextEncoder().encode(text).length
}

/** A PUT of five bytes of plain text for five minutes, unless said otherwise. */
export function granted(place: ObjectPlace, overrides: Partial<WantedPut> = {}): Promise<Grant> {
  const nowMs = Date.now()
  return signPut(presigner, {
    place,
    sizeBytes: 5,
    contentType: 'text/plain',
    writeOnce: place.placement.store.capabilities.writeOnce === 'if-none-match',
    metadata: new Map([['album', 'caf\u00e9']]),
    ticket: 'st1.abc',
    nowMs,
    expiresAtMs: nowMs + 300_000,
    ...overrides,
  })
}

/** A download as an attachment for five minutes, unless said otherwise. */
export function download(place: ObjectPlace, overrides: Partial<WantedGet> = {}): Promise<Grant> {
  const nowMs = Date.now()
  const wanted = { disposition: 'attachment', nowMs, expiresAtMs: nowMs + 300_000 } as const
  return signGet(presigner, { place, ...wanted, ...overrides })
}

/** The client's PUT by its grant. */
export function put({ url, headers }: Grant, body: string): Promise<Response> {
  return fetch(url.reveal(), { method: 'PUT', headers, body })
}

/** The client's GET by its grant, with headers that nobody signed. */
export function get({ url }: Grant, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url.reveal(), { headers })
}
