import { GatewayError } from '../errors.ts'
import type { ObjectKey } from '../object-key.ts'
import type { Bucket } from '../stores/bucket.ts'
import { placeAt } from '../stores/place-object.ts'
import {
  hasUniqueName,
  type ObjectToFind,
  placementName,
  placementsOf,
  placementsToSearch,
} from '../stores/placement-order.ts'
import type { Placement } from '../stores/store.ts'
import type { HeadResult, ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import {
  objectDigest,
  recordedPlacement,
  rememberNowhere,
  rememberPlace,
  wasNowhere,
} from './placed-record.ts'
import { assertCallable } from './store-fitness.ts'

/** A link is worth no longer wait for one store, in milliseconds: clients see by themselves what is there. */
const LINK_WAITS_MS = 1_000

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
  context: Pick<GatewayContext, 'hashing' | 'knownPlaces' | 'storeHealth'>,
  bucket: Bucket,
  { key }: Pick<ObjectToLocate, 'key'>,
): ObjectPlace | undefined {
  const [first, ...others] = bucket.placements
  if (others.length === 0) return placeAt(first, key)
  const placement = lastPlacement(context, bucket, objectDigest(context, bucket, key.text))
  // While its store is away another gateway may have put a newer one elsewhere.
  if (placement !== undefined && (!isDown(context, placement) || hasUniqueName(bucket, key.text))) {
    return placeAt(placement, key)
  }
  if (!bucket.placements.some((each) => placeIn(each, key).length > 0)) placeAt(first, key)
  return undefined
}

/**
 * Where a link for an object has to lead. Asks no store where the bucket has one placement, or the object was met
 * lately, or was nowhere a moment ago; else those that are not down, one after the other, none for long. Throws `InvalidKey` where no placement can have it.
 */
export async function locateObject(
  context: LocatingContext,
  bucket: Bucket,
  object: ObjectToLocate,
): Promise<Located> {
  const place = knownPlace(context, bucket, object)
  if (place !== undefined) return { how: 'known', place }
  return (
    nowhereLately(context, bucket, object) ?? search(context, bucket, object, { forLink: true })
  )
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
  const located = await search(context, bucket, object, { forLink: false })
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
  { tenant, key }: Pick<ObjectToLocate, 'tenant' | 'key'>,
): void {
  const place = knownPlace(context, bucket, { key })
  if (place !== undefined) {
    assertCallable(context, place.placement.store)
    return
  }
  let error: unknown
  for (const { store } of placementsOf(bucket, { tenant, key: key.text })) {
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
 * Placements in the order in which an object is looked for: the one that is recorded to have it, the one where
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

/** That an object is in no store, where it was so a moment ago. */
function nowhereLately(
  context: LocatingContext,
  bucket: Bucket,
  { tenant, region, key, versionId }: ObjectToLocate,
): Located | undefined {
  if (versionId !== undefined || !wasNowhere(context, bucket, key.text)) return undefined
  const order = placementsToSearch(bucket, { tenant, region, key: key.text }, context.hashing)
  const [place] = order.flatMap((placement) => placeIn(placement, key))
  return place === undefined ? undefined : { how: 'nowhere', place }
}

async function search(
  context: LocatingContext,
  bucket: Bucket,
  object: ObjectToLocate,
  { forLink }: { readonly forLink: boolean },
): Promise<Located> {
  const { key } = object
  if (bucket.placements.length === 1) {
    return lookThrough(context, [placeAt(bucket.placements[0], key)], { forLink })
  }
  const { order, recorded, isSure } = await orderOrUsual(context, bucket, object)
  const places = order.flatMap((placement) => placeIn(placement, key))
  const located = await lookThrough(context, places, { forLink, recorded })
  const { versionId } = object
  if (located.how === 'found') {
    const { placement } = located.place
    if (isSure) rememberPlace(context, bucket, { key: key.text, placement })
    return located
  }
  if (located.how !== 'nowhere') return located
  if (isSure) rememberNowhere(context, bucket, key.text)
  if (versionId === undefined) return located
  // A version outlives its object, and a store need not understand what another calls its versions.
  const version = await lookThrough(context, places, { forLink, versionId })
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
  /** One that is down is not asked, and one that does not answer soon not waited for. */
  readonly forLink: boolean
  readonly recorded?: Placement | undefined
  readonly versionId?: string
}

/** Asks the stores of some places, at least one, until one of them has the object. */
async function lookThrough(
  context: Pick<LocatingContext, 'storeClient' | 'storeHealth'>,
  places: readonly ObjectPlace[],
  { forLink, recorded, versionId }: Look,
): Promise<Located> {
  let unsure: Extract<Located, { how: 'unsure' }> | undefined
  for (const place of places) {
    const { placement } = place
    try {
      if (forLink && isDown(context, placement)) throw skipped(placement)
      const answer = context.storeClient.head(place, versionId)
      const head = await (forLink ? soon(answer, placement) : answer)
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

/** What a store answers, if it does so soon; the call goes on, for it tells whether the store is there. */
async function soon<Answer>(answer: Promise<Answer>, placement: Placement): Promise<Answer> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(skipped(placement)), LINK_WAITS_MS)
  try {
    return await Promise.race([answer, late.promise])
  } finally {
    clearTimeout(timer)
  }
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

function isDown(
  { storeHealth }: Pick<GatewayContext, 'storeHealth'>,
  { store }: Placement,
): boolean {
  return storeHealth.isDown(store.name)
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
