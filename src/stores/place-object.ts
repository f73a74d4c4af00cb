import { GatewayError } from '../errors.ts'
import { ObjectKey } from '../object-key.ts'
import type { Bucket } from './bucket.ts'
import { isReservedKey, PROBE_PREFIX } from './reserved-keys.ts'
import type { Placement, Store } from './store.ts'
import type { ObjectPlace } from './store-client.ts'

/**
 * The place of a key in a placement. Throws `InvalidKey` when the key is not one
 * any more with the placement's prefix before it, for example longer than 1,024 bytes, and when it is
 * reserved: what a probe finds below its own prefix it removes.
 */
export function placeAt(placement: Placement, key: ObjectKey): ObjectPlace {
  const placed = placement.prefix + key.text
  if (placement.prefix !== '') ObjectKey.parse(placed)
  if (isReservedKey(placed)) {
    throw new GatewayError('InvalidKey', `Cannot use the key: "${PROBE_PREFIX}" in it is reserved`)
  }
  return { placement, key }
}

/** Where stores and placements are known: the configuration in force. */
export interface KnownPlacements {
  readonly stores: ReadonlyMap<string, Store>
  readonly buckets: ReadonlyMap<string, Pick<Bucket, 'placements'>>
}

/**
 * Where an object was placed before, whatever the configuration of its bucket says now. Throws
 * `StoreUnavailable` when that store is not configured any more.
 */
export function placeRecorded(
  known: KnownPlacements,
  [storeName, bucket, prefix]: readonly [store: string, bucket: string, prefix: string],
  key: ObjectKey,
): ObjectPlace {
  const store = storeAt(known, storeName, bucket)
  if (store === undefined) {
    throw new GatewayError('StoreUnavailable', 'Cannot reach the object: its store is not there', {
      facts: { store: storeName },
    })
  }
  return { placement: { store, bucket, prefix }, key }
}

/**
 * A store as it was seen to be in one of its buckets; what is known of it in general for a bucket
 * that is in no placement, `undefined` for a store that is not configured.
 */
export function storeAt(known: KnownPlacements, name: string, bucket: string): Store | undefined {
  return seenIn(known).get(`${name}/${bucket}`) ?? known.stores.get(name)
}

/** By configuration: each is asked for all the time, and never changes. */
const indexes = new WeakMap<KnownPlacements, ReadonlyMap<string, Store>>()

function seenIn(known: KnownPlacements): ReadonlyMap<string, Store> {
  const index = indexes.get(known)
  if (index !== undefined) return index
  const placements = [...known.buckets.values()].flatMap((bucket) => bucket.placements)
  const made = new Map(placements.map(({ store, bucket }) => [`${store.name}/${bucket}`, store]))
  indexes.set(known, made)
  return made
}
