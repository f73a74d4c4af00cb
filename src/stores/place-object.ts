import { GatewayError } from '../errors.ts'
import { ObjectKey } from '../object-key.ts'
import type { Bucket } from './bucket.ts'
import type { Store } from './store.ts'
import type { ObjectPlace } from './store-client.ts'

/**
 * Where a new object goes: the bucket's first placement. Throws `InvalidKey` when the key is not one
 * any more with the placement's prefix before it, for example longer than 1,024 bytes.
 */
export function placeNew(bucket: Bucket, key: ObjectKey): ObjectPlace {
  const [placement] = bucket.placements
  if (placement.prefix !== '') ObjectKey.parse(placement.prefix + key.text)
  return { placement, key }
}

/**
 * Where an object was placed before, whatever the configuration of its bucket says now. Throws
 * `StoreUnavailable` when that store is not configured any more.
 */
export function placeRecorded(
  stores: ReadonlyMap<string, Store>,
  [storeName, bucket, prefix]: readonly [store: string, bucket: string, prefix: string],
  key: ObjectKey,
): ObjectPlace {
  const store = stores.get(storeName)
  if (store === undefined) {
    throw new GatewayError('StoreUnavailable', 'Cannot reach the object: its store is not there', {
      facts: { store: storeName },
    })
  }
  return { placement: { store, bucket, prefix }, key }
}
