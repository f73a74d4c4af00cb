import { GatewayError } from '../errors.ts'
import { encodeSegment } from '../object-key.ts'
import { profileOf } from './profile-of.ts'
import type { Store } from './store.ts'
import type { ObjectPlace } from './store-client.ts'

/** The two halves of a URL without its query, as they are signed and as they go on the wire. */
export interface StoreLocation {
  /** Scheme, lower-case host, port unless it is the scheme's default. */
  readonly origin: string
  /** Absolute path, percent-encoded once. Never to be passed through `URL` again. */
  readonly path: string
}

/** Which of a store's origins: for the gateway's own calls, or for clients. */
export type WhichEndpoint = 'endpoint' | 'publicEndpoint'

/** The key as the store knows it: the placement's prefix and the object's key. */
export function placedKey({ placement, key }: ObjectPlace): string {
  return placement.prefix + key.text
}

/**
 * Where an object is. `key` is the whole key in the store, as `placedKey` gives it; each segment is
 * encoded once (`encodeSegment`), nothing is normalised. Throws `InternalError` for an empty key,
 * for that would name the bucket.
 */
export function objectLocation(
  store: Store,
  which: WhichEndpoint,
  bucket: string,
  key: string,
): StoreLocation {
  if (key === '') throw new GatewayError('InternalError', 'Cannot locate an object without a key')
  const { origin, path } = bucketLocation(store, which, bucket)
  const encoded = key.split('/').map(encodeSegment).join('/')
  return { origin, path: path === '/' ? `/${encoded}` : `${path}/${encoded}` }
}

/**
 * Where a bucket is: `/bucket` in path style, without the trailing slash that s3rver would not have
 * signed, and `/` in virtual-hosted style.
 */
export function bucketLocation(store: Store, which: WhichEndpoint, bucket: string): StoreLocation {
  const ofStore = locations.get(store) ?? new Map<string, StoreLocation>()
  const name = `${which} ${bucket}`
  const known = ofStore.get(name)
  if (known !== undefined) return known
  const location = locateBucket(store, which, bucket)
  if (ofStore.size < MAX_LOCATIONS) locations.set(store, ofStore.set(name, location))
  return location
}

/** Of one store: those of a configuration are asked for all the time. */
const MAX_LOCATIONS = 1_000
const locations = new WeakMap<Store, Map<string, StoreLocation>>()

function locateBucket(store: Store, which: WhichEndpoint, bucket: string): StoreLocation {
  const url = new URL(store[which])
  const basePath = profileOf(store.provider)?.basePath ?? ''
  if (store.addressing === 'path') {
    return { origin: url.origin, path: `${basePath}/${encodeSegment(bucket)}` }
  }
  return {
    origin: `${url.protocol}//${bucket}.${url.host}`,
    path: basePath === '' ? '/' : basePath,
  }
}
