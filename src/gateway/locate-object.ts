import { GatewayError } from '../errors.ts'
import type { ObjectKey } from '../object-key.ts'
import type { Bucket } from '../stores/bucket.ts'
import { placeAt } from '../stores/place-object.ts'
import { type ObjectToFind, placementName, placementsToSearch } from '../stores/placement-order.ts'
import type { Placement } from '../stores/store.ts'
import type { HeadResult, ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import { objectDigest, recordedPlacement, rememberPlace } from './placed-record.ts'
import { assertCallable } from './store-fitness.ts'

/** An object by name, and who asks for it, as far as that says where to begin. */
export interface ObjectToLocate extends Omit<ObjectToFind, 'key'> {
  readonly key: ObjectKey
  /** Look for this version of it where the object itself is nowhere. */
  readonly versionId?: string | undefined
}

/** An object that a store has just shown. */
export interface FoundObject {
  readonly place: ObjectPlace
  readonly head: Extract<HeadResult, { found: true }>
}

/**
 * Where an object is. `known`: it can be in one placement alone, or was met there lately, and nobody was asked.
 * `nowhere`: it is in none; the place is where one of that name would be looked for first. `unsure`: it is in none
 * that answers; the place is in the first that does not, and `error` tells why.
 */
export type Located =
  | { readonly how: 'known' | 'nowhere'; readonly place: ObjectPlace }
  | (FoundObject & { readonly how: 'found' })
  | { readonly how: 'unsure'; readonly place: ObjectPlace; readonly error: GatewayError }

type LocatingContext = Pick<
  GatewayContext,
  'hashing' | 'knownPlaces' | 'log' | 'state' | 'storeClient' | 'storeHealth'
>

/**
 * The place of an object, where nobody has to be asked for it. Throws `InvalidKey` where no placement can have it.
 */
export function knownPlace(
  context: Pick<GatewayContext, 'hashing' | 'knownPlaces'>,
  bucket: Bucket,
  { key }: Pick<ObjectToLocate, 'key'>,
): ObjectPlace | undefined {
  const [first, ...others] = bucket.placements
  if (others.length === 0) return placeAt(first, key)
  const placement = lastPlacement(context, bucket, objectDigest(context, bucket, key.text))
  if (placement !== undefined) return placeAt(placement, key)
  if (!bucket.placements.some((each) => placeIn(each, key).length > 0)) placeAt(first, key)
  return undefined
}

/**
 * Where a link for an object has to lead. Asks no store where the bucket has one placement, or the object was met
 * lately; else those that are not down, one after the other. Throws `InvalidKey` where no placement can have it.
 */
export async function locateObject(
  context: LocatingContext,
  bucket: Bucket,
  object: ObjectToLocate,
): Promise<Located> {
  const place = knownPlace(context, bucket, object)
  if (place !== undefined) return { how: 'known', place }
  return search(context, bucket, object, { skipDown: true })
}

/**
 * The object as its store shows it now, wherever it is; `undefined` when it is nowhere. Throws `StoreUnavailable`
 * or `Overloaded` when it may be where nobody answers, `InvalidKey`.
 */
export async function findObject(
  context: LocatingContext,
  bucket: Bucket,
  object: ObjectToLocate,
): Promise<FoundObject | undefined> {
  const located = await search(context, bucket, object, { skipDown: false })
  if (located.how === 'unsure') throw located.error
  return located.how === 'found' ? located : undefined
}

/**
 * Passes where a search can begin, before a request that needs one is charged: the store that had the object last
 * may be called, or, if nobody knows which, one of all. Throws `StoreUnavailable`.
 */
export function assertSearchable(
  context: Pick<GatewayContext, 'hashing' | 'knownPlaces' | 'storeHealth'>,
  bucket: Bucket,
  object: Pick<ObjectToLocate, 'key'>,
): void {
  const place = knownPlace(context, bucket, object)
  if (place !== undefined) {
    assertCallable(context, place.placement.store)
    return
  }
  let error: unknown
  for (const { store } of bucket.placements) {
    try {
      assertCallable(context, store)
      return
    } catch (refusal) {
      error ??= refusal
    }
  }
  throw error
}

/**
 * All placements in the order in which an object is looked for: the one that is recorded to have it, the one where
 * it was met last, and then where one of that name would go. `known`: the first of them has it, by record. Throws
 * `LedgerUnavailable`.
 */
export async function searchOrder(
  context: Pick<GatewayContext, 'hashing' | 'knownPlaces' | 'state'>,
  bucket: Bucket,
  { tenant, region, key }: ObjectToLocate,
): Promise<{ readonly order: readonly Placement[]; readonly recorded: Placement | undefined }> {
  const digest = objectDigest(context, bucket, key.text)
  const recorded = await recordedPlacement(context, bucket, key.text)
  const likely = recorded ?? lastPlacement(context, bucket, digest)
  const all = placementsToSearch(bucket, { tenant, region, key: key.text }, context.hashing)
  const order = likely === undefined ? all : [likely, ...all.filter((each) => each !== likely)]
  return { order, recorded }
}

async function search(
  context: LocatingContext,
  bucket: Bucket,
  object: ObjectToLocate,
  { skipDown }: { readonly skipDown: boolean },
): Promise<Located> {
  const { key } = object
  if (bucket.placements.length === 1) {
    return lookThrough(context, [placeAt(bucket.placements[0], key)], { skipDown })
  }
  const { order, recorded, isSure } = await orderOrUsual(context, bucket, object)
  const places = order.flatMap((placement) => placeIn(placement, key))
  const located = await lookThrough(context, places, { skipDown, recorded })
  const { versionId } = object
  if (located.how === 'found') {
    const { placement } = located.place
    if (isSure) rememberPlace(context, bucket, { key: key.text, placement })
    return located
  }
  if (located.how !== 'nowhere' || versionId === undefined) return located
  // A version outlives its object, and a store need not understand what another calls its versions.
  const version = await lookThrough(context, places, { skipDown, versionId })
  return version.how === 'found' ? version : located
}

/** Reads go on while nobody can tell what is recorded: then it is not known for certain which of two it is. */
async function orderOrUsual(context: LocatingContext, bucket: Bucket, object: ObjectToLocate) {
  try {
    return { ...(await searchOrder(context, bucket, object)), isSure: true }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    context.log.debug('placed.unread', { bucket: bucket.name, error })
    const { tenant, region, key } = object
    const order = placementsToSearch(bucket, { tenant, region, key: key.text }, context.hashing)
    return { order, recorded: undefined, isSure: false }
  }
}

interface Look {
  readonly skipDown: boolean
  readonly recorded?: Placement | undefined
  readonly versionId?: string
}

/** Asks the stores of some places, at least one, until one of them has the object. */
async function lookThrough(
  { storeClient, storeHealth }: Pick<LocatingContext, 'storeClient' | 'storeHealth'>,
  places: readonly ObjectPlace[],
  { skipDown, recorded, versionId }: Look,
): Promise<Located> {
  let unsure: Extract<Located, { how: 'unsure' }> | undefined
  for (const place of places) {
    const { placement } = place
    try {
      if (skipDown && storeHealth.isDown(placement.store.name)) throw skipped(placement)
      const head = await storeClient.head(place, versionId)
      if (head.found) return { how: 'found', place, head }
    } catch (error) {
      if (!isAway(error)) throw error
      unsure ??= { how: 'unsure', place, error }
      // What another store has of that name is an older one.
      if (placement === recorded) break
    }
  }
  if (unsure !== undefined) return unsure
  const [place] = places
  if (place === undefined)
    throw new GatewayError('InvalidKey', 'Cannot use the key: it is too long')
  return { how: 'nowhere', place }
}

function lastPlacement(
  { knownPlaces }: Pick<GatewayContext, 'knownPlaces'>,
  bucket: Bucket,
  digest: string,
): Placement | undefined {
  const name = knownPlaces.get(digest)
  if (name === undefined) return undefined
  return bucket.placements.find((placement) => placementName(placement) === name)
}

/** The place of a key in a placement; none where the prefix leaves no room for it. */
export function placeIn(placement: Placement, key: ObjectKey): ObjectPlace[] {
  try {
    return [placeAt(placement, key)]
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'InvalidKey') return []
    throw error
  }
}

function isAway(error: unknown): error is GatewayError {
  if (!(error instanceof GatewayError)) return false
  return error.code === 'StoreUnavailable' || error.code === 'Overloaded'
}

function skipped({ store }: Placement): GatewayError {
  return new GatewayError('StoreUnavailable', 'Cannot look for the object: its store is away', {
    facts: { store: store.name },
  })
}
