import { GatewayError } from '../errors.ts'
import { ObjectKey } from '../object-key.ts'
import type { Bucket } from '../stores/bucket.ts'
import {
  hasUniqueName,
  type ObjectToFind,
  placementsOf,
  placementsToSearch,
} from '../stores/placement-order.ts'
import { isReservedKey } from '../stores/reserved-keys.ts'
import type { Placement } from '../stores/store.ts'
import type { ListedObject } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import { searchOrder } from './locate-object.ts'
import { someAtATime } from './some-at-a-time.ts'

/** What is listed of a bucket with several placements, and for whom. */
export interface MergeRequest extends Pick<ObjectToFind, 'tenant' | 'region'> {
  readonly prefix: string
  /** Keys of the page, 1 to 1,000. */
  readonly limit: number
  /** The last key of the page before. */
  readonly startAfter?: string
}

export interface MergedPage {
  /** By ascending key, in the order of UTF-8 bytes; each key once. */
  readonly objects: readonly ListedObject[]
  /** The last key that was looked at, when there may be more. */
  readonly last?: string
}

type MergingContext = Pick<GatewayContext, 'hashing' | 'knownPlaces' | 'state' | 'storeClient'>

interface Entry {
  readonly placement: Placement
  readonly object: ListedObject
}

/** Pages of nothing new that a store may give in a row. */
const MAX_EMPTY_PAGES = 10
/** Names of which several stores have one, that are decided at once. */
const CHOICES_AT_ONCE = 32

/**
 * One page of what all placements hold that may have some of it, as one list: an object that is in several is shown as the one that reads
 * find. Throws `StoreUnavailable` when one of the stores gives no answer, for then nobody knows what is missing.
 */
export async function mergedPage(
  context: MergingContext,
  bucket: Bucket,
  request: MergeRequest,
): Promise<MergedPage> {
  const lists = await Promise.all(
    placementsOf(bucket, { tenant: request.tenant, key: request.prefix }).map((placement) =>
      listAfter(context, placement, request),
    ),
  )
  // A list that goes on says nothing of keys beyond its page.
  const ends = lists.flatMap(({ entries, isCut }) => (isCut ? entries.slice(-1) : []))
  const [end] = ends.map(({ object }) => object.key).sort(byBytes)
  const entries = lists
    .flatMap((list) => list.entries)
    .filter(({ object }) => end === undefined || byBytes(object.key, end) <= 0)
  const byKey = new Map<string, Entry[]>()
  for (const entry of entries) {
    const { key } = entry.object
    byKey.set(key, [...(byKey.get(key) ?? []), entry])
  }
  const keys = [...byKey.keys()].sort(byBytes)
  const page = keys.slice(0, request.limit)
  const chosen = await someAtATime(page, CHOICES_AT_ONCE, (key) =>
    choose(context, bucket, { ...request, entries: byKey.get(key) ?? [] }),
  )
  const objects = chosen.flatMap((entry) => (entry === undefined ? [] : [entry.object]))
  const last = page.at(-1)
  const goesOn = keys.length > page.length || end !== undefined
  return { objects, ...(goesOn && last !== undefined && { last }) }
}

/** One store's part: keys after the last one that was shown. */
async function listAfter(
  { storeClient }: Pick<GatewayContext, 'storeClient'>,
  placement: Placement,
  { prefix, limit, startAfter }: MergeRequest,
): Promise<{ readonly entries: readonly Entry[]; readonly isCut: boolean }> {
  let from: { after?: string; startAfter?: string } = startAfter === undefined ? {} : { startAfter }
  for (let pages = 0; pages < MAX_EMPTY_PAGES; pages += 1) {
    const page = await storeClient.list(placement, { prefix, limit, ...from })
    // Not every store knows where it was asked to begin.
    const objects = page.objects.filter(
      ({ key }) => startAfter === undefined || byBytes(key, startAfter) > 0,
    )
    if (objects.length > 0 || page.next === undefined) {
      const entries = objects.map((object) => ({ placement, object }))
      return { entries, isCut: page.next !== undefined }
    }
    from = { after: page.next }
  }
  throw new GatewayError(
    'StoreUnavailable',
    'Cannot list: a store gives one empty page after another',
    {
      facts: { store: placement.store.name },
    },
  )
}

/** Of the objects of one name, the one that reads find; none of what a probe has written. */
async function choose(
  context: MergingContext,
  bucket: Bucket,
  {
    tenant,
    region,
    entries,
  }: Pick<MergeRequest, 'tenant' | 'region'> & { entries: readonly Entry[] },
): Promise<Entry | undefined> {
  const visible = entries.filter(
    ({ placement, object }) => !isReservedKey(placement.prefix + object.key),
  )
  const [first] = visible
  if (first === undefined || visible.length === 1) return first
  const order = await orderOf(context, bucket, { tenant, region, key: first.object.key })
  const found = order.find((placement) => visible.some((entry) => entry.placement === placement))
  return visible.find(({ placement }) => placement === found) ?? first
}

async function orderOf(
  context: MergingContext,
  bucket: Bucket,
  object: ObjectToFind,
): Promise<readonly Placement[]> {
  const usual = placementsToSearch(bucket, object, context.hashing)
  if (hasUniqueName(bucket, object.key)) return usual
  try {
    const key = ObjectKey.parse(object.key)
    return (await searchOrder(context, bucket, { ...object, key })).order
  } catch (error) {
    // A name that Signet would not sign, or nobody can tell what is recorded: lists go on, as downloads do.
    if (error instanceof GatewayError) return usual
    throw error
  }
}

/** The order of lists (S3 API, ListObjectsV2), which is not the one of UTF-16 in which strings compare. */
export function byBytes(one: string, other: string): number {
  for (let at = 0; at < one.length && at < other.length; at += 1) {
    const [a, b] = [one.charCodeAt(at), other.charCodeAt(at)]
    // Surrogates stand for what comes after all other characters.
    if (a !== b) return rank(a) - rank(b)
  }
  return one.length - other.length
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit
}
