import { GatewayError } from '../errors.ts'
import { toBase64Url } from '../hashing.ts'
import type { Ticket } from '../ledger/ticket.ts'
import { ObjectKey } from '../object-key.ts'
import type { StateDocument } from '../state/port.ts'
import type { Bucket } from '../stores/bucket.ts'
import { placeAt } from '../stores/place-object.ts'
import {
  hasUniqueKeys,
  hasUniqueName,
  placementName,
  placementsToSearch,
} from '../stores/placement-order.ts'
import type { Placement } from '../stores/store.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import { keyHash } from './audit-events.ts'
import type { GatewayContext } from './context.ts'
import { NOWHERE } from './known-places.ts'
import { ownTicket } from './own-ticket.ts'
import type { UploadNote } from './reservation-note.ts'

/**
 * Where callers name objects, two stores can hold one of the same name: one is away, the other takes the next
 * upload, and the first comes back with what it had. Which of them is the object is then told by a document. It is
 * there only where a search would not find the right one by itself, so there are as many as there were failovers. A
 * bucket of one placement may have had another one before, and have it again.
 */
const KIND = 'placed'

/** How long a place is remembered where no two objects ever have one name, in milliseconds. */
const UNIQUE_KEPT_MS = 600_000
/** The same where an object may be in another store a moment later, by way of another gateway. */
const NAMED_KEPT_MS = 30_000

/** That no store has an object, in milliseconds: it may come at any time. */
const NOWHERE_KEPT_MS = 5_000
/** For so long nobody asks again whether there is any document at all. */
const NONE_KEPT_MS = 60_000
/** Of a document that other gateways change at the same time. */
const MAX_TRIES = 5

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
  context: Pick<GatewayContext, 'hashing' | 'knownPlaces'>,
  bucket: Bucket,
  { key, placement }: { readonly key: string; readonly placement: Placement },
): void {
  const keptMs = hasUniqueName(bucket, key) ? UNIQUE_KEPT_MS : NAMED_KEPT_MS
  context.knownPlaces.set(objectDigest(context, bucket, key), placementName(placement), keptMs)
}

/** The same of an upload that was granted, where its object can be nowhere else; else, that it may come. */
export function rememberGranted(
  context: Pick<GatewayContext, 'hashing' | 'knownPlaces'>,
  { bucket, place: { placement, key } }: { readonly bucket: Bucket; readonly place: ObjectPlace },
): void {
  if (bucket.placements.length === 1) return
  if (hasUniqueKeys(bucket)) rememberPlace(context, bucket, { key: key.text, placement })
  else if (wasNowhere(context, bucket, key.text)) {
    context.knownPlaces.forget(objectDigest(context, bucket, key.text))
  }
}

/** Remembers for a moment that no store has an object, so that asking again and again asks no store. */
export function rememberNowhere(
  context: Pick<GatewayContext, 'hashing' | 'knownPlaces'>,
  bucket: Bucket,
  key: string,
): void {
  context.knownPlaces.set(objectDigest(context, bucket, key), NOWHERE, NOWHERE_KEPT_MS)
}

/** Whether no store had it a moment ago. */
export function wasNowhere(
  context: Pick<GatewayContext, 'hashing' | 'knownPlaces'>,
  bucket: Bucket,
  key: string,
): boolean {
  return context.knownPlaces.get(objectDigest(context, bucket, key)) === NOWHERE
}

/**
 * The placement that has the object of a name, of several that may; `undefined` where a search finds it.
 * Throws `LedgerUnavailable`.
 */
export async function recordedPlacement(
  context: Pick<GatewayContext, 'hashing' | 'state'>,
  bucket: Bucket,
  key: string,
): Promise<Placement | undefined> {
  if (hasUniqueName(bucket, key)) return undefined
  const found = await context.state.get(nameOf(objectDigest(context, bucket, key)))
  const name = found === undefined ? undefined : parseRecord(found.value).placement
  return bucket.placements.find((placement) => placementName(placement) === name)
}

/** One of the objects of a name: what a document says. */
interface PlacedRecord {
  /** Name of the placement that has the object. */
  readonly placement: string
  /** When its upload was granted, by the ledger; 0 of one without a ticket of ours. */
  readonly issuedMs: number
}

/** An object of a bucket by name; whose it is says where it is looked for first. */
type Named = Pick<UploadNote, 'tenant' | 'key'>

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
  const own = bucket?.placements.find(
    (each) => each.store.name === store && each.bucket === storeBucket && each.prefix === prefix,
  )
  // Reads look where the bucket lies now.
  if (bucket === undefined || own === undefined) return
  if (hasUniqueName(bucket, key)) {
    if (bucket.placements.length > 1) rememberPlace(context, bucket, { key, placement: own })
    return
  }
  if (bucket.placements.length === 1 && !(await isAnyRecorded(context))) return
  const copy = { placement: placementName(own), issuedMs }
  if (!(await keepRecord(context, bucket, { tenant, key }, copy))) return
  // Both are charged, and only one of them is found: an operator may want to know why.
  context.log.warn('object.in_two_stores', {
    bucket: name,
    store,
    keyHash: keyHash(context.hashing, key),
  })
}

/**
 * After one of the objects of a name was removed: forgets where it was, and sees to it that the latest of those
 * that are left is found. Safe to repeat. Throws `LedgerUnavailable`.
 */
export async function recordRemoved(
  context: GatewayContext,
  bucket: Bucket,
  object: Named,
): Promise<void> {
  const digest = objectDigest(context, bucket, object.key)
  context.knownPlaces.forget(digest)
  if (hasUniqueName(bucket, object.key)) return
  if (bucket.placements.length === 1 && !(await isAnyRecorded(context))) return
  // Hardly any has one, and a look costs less than a change.
  if ((await context.state.get(nameOf(digest))) === undefined) return
  await keepRecord(context, bucket, object)
}

/** Whether any object of the installation is written down: hardly any installation of one store has one. */
async function isAnyRecorded({
  knownPlaces,
  state,
}: Pick<GatewayContext, 'knownPlaces' | 'state'>): Promise<boolean> {
  if (knownPlaces.get(KIND) === NOWHERE) return false
  const [any] = await state.list({ kind: KIND, limit: 1 })
  if (any === undefined) knownPlaces.set(KIND, NOWHERE, NONE_KEPT_MS)
  return any !== undefined
}

/**
 * Looks where objects of a name are, `own` aside, which is known to be there, and writes down the latest where a
 * search would not find it. Answers whether there is another one.
 */
async function keepRecord(
  context: GatewayContext,
  bucket: Bucket,
  object: Named,
  own?: PlacedRecord,
): Promise<boolean> {
  const { state, knownPlaces, hashing } = context
  const name = nameOf(objectDigest(context, bucket, object.key))
  const all = placementsToSearch(bucket, object, hashing)
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const before = await state.get(name)
    const recorded = before === undefined ? undefined : parseRecord(before.value)
    const looks = await Promise.all(
      all
        .filter((placement) => placementName(placement) !== own?.placement)
        .map((placement) => lookAt(context, placement, { key: object.key, recorded })),
    )
    const copies = [own, ...looks.map(({ copy }) => copy), takenOut(bucket, recorded)].filter(
      (copy) => copy !== undefined,
    )
    const latest = copies.reduce<PlacedRecord | undefined>(later, undefined)
    // One that comes first is found first: a store that is away only matters to the others.
    const isFound =
      all[0] !== undefined &&
      placementName(all[0]) === latest?.placement &&
      !bucket.placements.some(({ takes }) => takes?.regions)
    const isUnknown = looks.some((look) => look.isAway) && (!isFound || recorded !== undefined)
    const value = copies.length > 1 || isUnknown ? recordText(latest) : undefined
    if (!(await writeIfSame(state, { name, before, value }))) continue
    if (value !== undefined) knownPlaces.forget(KIND)
    const placement = all.find((each) => placementName(each) === latest?.placement)
    if (placement !== undefined && all.length > 1) {
      rememberPlace(context, bucket, { key: object.key, placement })
    }
    return looks.some((look) => look.isThere)
  }
  throw new GatewayError('LedgerUnavailable', 'Cannot write down where the object is: it changes')
}

/** One in a placement that the bucket has no more: it may be put back. */
function takenOut(bucket: Bucket, recorded: PlacedRecord | undefined): PlacedRecord | undefined {
  const isThere = bucket.placements.some((each) => placementName(each) === recorded?.placement)
  return isThere ? undefined : recorded
}

function later(one: PlacedRecord | undefined, other: PlacedRecord): PlacedRecord {
  return one === undefined || other.issuedMs > one.issuedMs ? other : one
}

interface Written {
  readonly name: string
  readonly before: StateDocument | undefined
  /** `undefined`: nothing is to be written down. */
  readonly value: string | undefined
}

/** False: another gateway was faster, and may have seen what we have not. */
async function writeIfSame(
  state: GatewayContext['state'],
  { name, before, value }: Written,
): Promise<boolean> {
  if (before?.value === value) return true
  const ifVersion = before?.version ?? 0
  if (value === undefined) return state.remove(name, ifVersion)
  return (await state.put({ name, value, ifVersion })) !== undefined
}

interface Look {
  /** An object of the name; in a store that is away, the one that is recorded to be there. */
  readonly copy?: PlacedRecord
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
    return { copy: { placement: placementName(placement), issuedMs }, isThere: true }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    if (error.code === 'InvalidKey') return {}
    if (recorded?.placement !== placementName(placement)) return { isAway: true }
    return { copy: recorded, isAway: true }
  }
}

function recordText(copy: PlacedRecord | undefined): string | undefined {
  return copy === undefined ? undefined : JSON.stringify([copy.placement, copy.issuedMs])
}

// Only text of `recordText` comes here.
function parseRecord(text: string): PlacedRecord {
  const [placement, issuedMs] = JSON.parse(text) as [string, number]
  return { placement, issuedMs }
}

function nameOf(digest: string): string {
  return `${KIND}/${digest}`
}
