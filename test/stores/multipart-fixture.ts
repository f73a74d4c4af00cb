import { ObjectKey } from '../../src/object-key.ts'
import { placedKey } from '../../src/stores/object-url.ts'
import type { ObjectPlace } from '../../src/stores/store-client.ts'
import { type StoreUnderTest, storeClient } from '../support/stores/stores-under-test.ts'
import { newPlacement } from './real-store.ts'

/** What one request sends as a part; `query` may say something else than the usual. */
export interface PartRequest {
  readonly uploadId: string
  readonly partNumber: number | string
  readonly body: string | Buffer<ArrayBuffer>
}

/** A key below a prefix, in a bucket of its own. */
export async function newPlace(real: StoreUnderTest, key: string): Promise<ObjectPlace> {
  return { placement: await newPlacement(real, 'eu/'), key: ObjectKey.parse(key) }
}

/** Another key of the same placement. */
export function beside({ placement }: ObjectPlace, key: string): ObjectPlace {
  return { placement, key: ObjectKey.parse(key) }
}

/** The object's URL, unsigned. */
export function urlOf(real: StoreUnderTest, place: ObjectPlace): string {
  const path = placedKey(place).split('/').map(encodeURIComponent).join('/')
  return `${real.endpoint}/${place.placement.bucket}/${path}`
}

/** Sends a part with the main credential, and answers the status and S3's code. */
export async function sendPart(
  real: StoreUnderTest,
  place: ObjectPlace,
  { uploadId, partNumber, body }: PartRequest,
): Promise<{ status: number; code?: string }> {
  const query = `partNumber=${partNumber}&uploadId=${encodeURIComponent(uploadId)}`
  const response = await storeClient(real).fetch(`${urlOf(real, place)}?${query}`, {
    method: 'PUT',
    body,
  })
  const code = /<Code>(\w+)<\/Code>/.exec(await response.text())?.[1]
  return { status: response.status, ...(code !== undefined && { code }) }
}
