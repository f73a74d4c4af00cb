import { GatewayError } from '../errors.ts'
import { toBase64Url } from '../hashing.ts'
import type { Ticket } from '../ledger/ticket.ts'
import { ObjectKey } from '../object-key.ts'
import type { Bucket } from '../stores/bucket.ts'
import { placeAt } from '../stores/place-object.ts'
import { hasUniqueKeys, placementName, placementsToSearch } from '../stores/placement-order.ts'
import type { Placement } from '../stores/store.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import { keyHash } from './audit-events.ts'
import type { GatewayContext } from './context.ts'
import { ownTicket } from './own-ticket.ts'
import type { UploadNote } from './reservation-note.ts'

/**
 * Where callers name objects, two stores can hold one of the same name: one is away, the other takes the next
 * upload, and the first comes back with what it had. Which of them is the object is then told by a document. It is
 * there only where a search would not find the right one by itself, so there are as many as there were failovers.
 */
const KIND = 'placed'

/** How long a place is remembered where no two objects ever have one name, in milliseconds. */
const UNIQUE_KEPT_MS = 600_000
/** The same where an object may be in another store a moment later, by way of another gateway. */
const NAMED_KEPT_MS = 30_000

/** Names an object among those of all buckets, in 22 characters. */
export function objectDigest(
  { hashing }: Pick<GatewayContext, 'hashing'>,
  bucket: Pick<Bucket, 'name'>,
  key: string,
): string {
  return toBase64Url(hashing.sha256(JSON.stringify([bucket.name, key])).slice(0, 16))
}

/** Remembers in this process where an object was met. */
export function rememberPlace(
  context: Pick<GatewayContext, 'knownPlaces'>,
  bucket: Bucket,
  { digest, placement }: { readonly digest: string; readonly placement: Placement },
): void {
  const keptMs = hasUniqueKeys(bucket) ? UNIQUE_KEPT_MS : NAMED_KEPT_MS
  context.knownPlaces.set(digest, placementName(placement), keptMs)
}

/** The same of an upload that was granted, where its object can be nowhere else. */
export function rememberGranted(
  context: Pick<GatewayContext, 'hashing' | 'knownPlaces'>,
  { bucket, place: { placement, key } }: { readonly bucket: Bucket; readonly place: ObjectPlace },
): void {
  if (bucket.placements.length === 1 || !hasUniqueKeys(bucket)) return
  rememberPlace(context, bucket, { digest: objectDigest(context, bucket, key.text), placement })
}

/**
 * The placement that has the object of a name, of several that may; `undefined` where a search finds it.
 * Throws `LedgerUnavailable`.
 */
export async function recordedPlacement(
  { state }: Pick<GatewayContext, 'state'>,
  bucket: Bucket,
  digest: string,
): Promise<Placement | undefined> {
  if (hasUniqueKeys(bucket)) return undefined
  const found = await state.get(nameOf(digest))
  const name = found === undefined ? undefined : parseRecord(found.value).placement
  return bucket.placements.find((placement) => placementName(placement) === name)
}

/** Forgets where an object was that is nowhere any more. Throws `LedgerUnavailable`. */
export async function forgetPlaced(
  { state, knownPlaces }: Pick<GatewayContext, 'state' | 'knownPlaces'>,
  bucket: Bucket,
  digest: string,
): Promise<void> {
  knownPlaces.forget(digest)
  if (hasUniqueKeys(bucket)) return
  // Hardly any has one, and a look costs less than a change.
  if ((await state.get(nameOf(digest))) !== undefined) await state.remove(nameOf(digest))
}

/** What a document says. */
interface PlacedRecord {
  /** Name of the placement that has the object. */
  readonly placement: string
  /** When its upload was granted, by the ledger. */
  readonly issuedMs: number
}

/** One of the objects of a name, in its placement; `issuedMs` of one without a ticket of ours is 0. */
interface Copy {
  readonly placement: Placement
  readonly issuedMs: number
}

/**
 * Sees to it that the right object is found of an upload's name, although another one may lie in another store: the
 * one whose upload was granted last, in whatever order they are settled. Comes before the upload is settled, so that
 * a crash in between forgets nothing. Safe to repeat. Throws `LedgerUnavailable`.
 */
export async function recordPlaced(
  context: GatewayContext,
  { bucket: name, tenant, key, place: [store, storeBucket, prefix] }: UploadNote,
  { issuedMs }: Pick<Ticket, 'issuedMs'>,
): Promise<void> {
  const bucket = context.config.buckets.get(name)
  if (bucket === undefined || bucket.placements.length === 1) return
  const own = bucket.placements.find(
    (each) => each.store.name === store && each.bucket === storeBucket && each.prefix === prefix,
  )
  // Reads look where the bucket lies now.
  if (own === undefined) return
  const digest = objectDigest(context, bucket, key)
  if (hasUniqueKeys(bucket)) {
    rememberPlace(context, bucket, { digest, placement: own })
    return
  }
  const before = await context.state.get(nameOf(digest))
  const recorded = before === undefined ? undefined : parseRecord(before.value)
  const others = bucket.placements.filter((placement) => placement !== own)
  const looks = await Promise.all(
    others.map((placement) => lookAt(context, placement, { key, recorded })),
  )
  const copies = looks.flatMap((look) => (look.copy === undefined ? [] : [look.copy]))
  const latest = copies.reduce(later, { placement: own, issuedMs })
  rememberPlace(context, bucket, { digest, placement: latest.placement })
  if (looks.some((look) => look.isThere)) {
    // Both are charged, and only one of them is found: an operator may want to know why.
    context.log.warn('object.in_two_stores', {
      bucket: name,
      store,
      keyHash: keyHash(context.hashing, key),
    })
  }
  const [first] = placementsToSearch(bucket, { tenant, key }, context.hashing)
  // One that comes first is found first: a store that is away only matters to the others.
  const isFound = first === own && !bucket.placements.some(({ takes }) => takes?.regions)
  const isUnknown = looks.some((look) => look.isAway) && (!isFound || recorded !== undefined)
  if (copies.length > 0 || isUnknown) {
    const value = recordText(latest)
    if (before?.value !== value) await context.state.put({ name: nameOf(digest), value })
  } else if (before !== undefined) {
    await context.state.remove(nameOf(digest))
  }
}

function later(one: Copy, other: Copy): Copy {
  return other.issuedMs > one.issuedMs ? other : one
}

interface Look {
  /** An object of the name; in a store that is away, the one that is recorded to be there. */
  readonly copy?: Copy
  readonly isThere?: true
  readonly isAway?: true
}

async function lookAt(
  context: GatewayContext,
  placement: Placement,
  { key, recorded }: { readonly key: string; readonly recorded: PlacedRecord | undefined },
): Promise<Look> {
  try {
    const place = placeAt(placement, ObjectKey.parse(key))
    const head = await context.storeClient.head({ ...place, background: true })
    if (!head.found) return {}
    const { issuedMs = 0 } = ownTicket(context, place, head) ?? {}
    return { copy: { placement, issuedMs }, isThere: true }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    if (error.code === 'InvalidKey') return {}
    if (recorded?.placement !== placementName(placement)) return { isAway: true }
    return { copy: { placement, issuedMs: recorded.issuedMs }, isAway: true }
  }
}

function recordText({ placement, issuedMs }: Copy): string {
  return JSON.stringify([placementName(placement), issuedMs])
}

// Only text of `recordText` comes here.
function parseRecord(text: string): PlacedRecord {
  const [placement, issuedMs] = JSON.parse(text) as [string, number]
  return { placement, issuedMs }
}

function nameOf(digest: string): string {
  return `${KIND}/${digest}`
}
