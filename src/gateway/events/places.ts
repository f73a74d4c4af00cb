import type { Config } from '../../config/config.ts'
import { ObjectKey } from '../../object-key.ts'
import type { StoreEvent } from '../../stores/events/store-event.ts'
import { isReservedKey } from '../../stores/reserved-keys.ts'
import type { ObjectPlace } from '../../stores/store-client.ts'

/** Why an event is about nothing of ours. */
export type NotOurs = 'foreign-bucket' | 'foreign-key' | 'invalid-key' | 'probe'

/** What an event of a store can be about: where to look, the likelier place first; or why nowhere. */
export type EventPlaces =
  | { readonly places: readonly [ObjectPlace, ...ObjectPlace[]] }
  | { readonly notOurs: NotOurs }

/**
 * The places of this configuration that an event may mean: one for each key that it may have. A key is
 * judged whole, as the store knows it, and again below the placement's prefix. Pure.
 */
export function placesOfEvent(
  config: Pick<Config, 'buckets'>,
  store: string,
  { bucket, keys }: Pick<StoreEvent, 'bucket' | 'keys'>,
): EventPlaces {
  const placements = [...config.buckets.values()]
    .flatMap((each) => each.placements)
    .filter((placement) => placement.store.name === store && placement.bucket === bucket)
  if (placements.length === 0) return { notOurs: 'foreign-bucket' }
  const places: ObjectPlace[] = []
  let notOurs: NotOurs = keys.length === 0 ? 'invalid-key' : 'foreign-key'
  for (const text of keys) {
    if (keyOf(text) === undefined) {
      notOurs = 'invalid-key'
      continue
    }
    const found = placements.flatMap((placement) => {
      if (!text.startsWith(placement.prefix)) return []
      const key = keyOf(text.slice(placement.prefix.length))
      return key === undefined ? [] : [{ placement, key }]
    })
    const ours = found.find(({ key }) => !isReservedKey(key.text))
    if (ours !== undefined) places.push(ours)
    else if (found.length > 0) notOurs = 'probe'
  }
  const [first, ...others] = places
  return first === undefined ? { notOurs } : { places: [first, ...others] }
}

function keyOf(text: string): ObjectKey | undefined {
  try {
    return ObjectKey.parse(text)
  } catch {
    return undefined
  }
}
