import type { Hashing } from '../hashing.ts'
import { toSegment } from '../policy/key-space.ts'
import { hasUuidAsIn, tenantSegment, usesVariable } from '../policy/key-template.ts'
import type { Bucket } from './bucket.ts'
import type { Placement, PlacementTerms } from './store.ts'

/** A new object, as far as placements are chosen by it. */
export interface ObjectToPlace {
  readonly tenant: string
  /** Of the caller, in lower case; `undefined`: not known. */
  readonly region?: string | undefined
  /** Without the placement's prefix. */
  readonly key: string
  /** Essence in lower case. */
  readonly contentType: string
  /** What is reserved. */
  readonly sizeBytes: number
}

/** An object that may be there already, as far as that says where. */
export type ObjectToFind = Pick<ObjectToPlace, 'tenant' | 'region' | 'key'>

/** What orders are made of. */
type PlacedBucket = Pick<Bucket, 'placements' | 'placing'>

/**
 * Placements that take a new object, the one where it belongs first. Pure: the same on every gateway. Empty
 * when the terms of each leave it out.
 */
export function placementsFor(
  { placements, placing }: PlacedBucket,
  object: ObjectToPlace,
  hashing: Hashing,
): readonly Placement[] {
  const taking = placements.filter((each) => each.weight !== 0 && takesObject(each, object))
  return inOrder(taking, { strategy: placing.strategy, key: object.key, hashing })
}

/**
 * Placements in which an object may be, in the order in which it is looked for: where a new one of that name would
 * go, by what is known of it, then the others. Those of other tenants alone are left out where the name says whose
 * it is.
 */
export function placementsToSearch(
  bucket: PlacedBucket & Pick<Bucket, 'keys'>,
  object: ObjectToFind,
  hashing: Hashing,
): readonly Placement[] {
  const placements = placementsOf(bucket, object)
  if (placements.length < 2) return placements
  const likely = placements.filter(({ takes }) => takes === undefined || mayHold(takes, object))
  const order = { strategy: bucket.placing.strategy, key: object.key, hashing }
  return [...inOrder(likely, order), ...placements.filter((each) => !likely.includes(each))]
}

/**
 * Placements in which an object, or what is below a prefix, may be: all but those of other tenants alone, where the
 * name says that it is of this one. All of them where none is left.
 */
export function placementsOf(
  { placements, keys }: Pick<Bucket, 'placements' | 'keys'>,
  { tenant, key }: Pick<ObjectToFind, 'tenant' | 'key'>,
): readonly Placement[] {
  if (!placements.some(({ takes }) => takes?.tenants)) return placements
  const at = tenantSegment(keys.kind === 'caller' ? keys.callerPrefix : keys.template)
  const segments = key.split('/')
  // The last segment of a prefix may go on.
  const isOwn = at !== undefined && at < segments.length - 1 && segments[at] === toSegment(tenant)
  if (!isOwn) return placements
  const own = placements.filter(({ takes }) => takes?.tenants?.has(tenant) ?? true)
  return own.length === 0 ? placements : own
}

/** Whether a placement's terms hold for an object; its weight, by which new ones are kept out, is not asked. */
export function takesObject({ takes }: Pick<Placement, 'takes'>, object: ObjectToPlace): boolean {
  return takes === undefined || holds(takes, object)
}

/** Names a placement among those of all buckets. */
export function placementName({ store, bucket, prefix }: Placement): string {
  return `${store.name}/${bucket}/${prefix}`
}

/**
 * Whether no two new objects of the bucket come to one name, so that it does not matter where each is put.
 */
export function hasUniqueKeys({ keys }: Pick<Bucket, 'keys'>): boolean {
  return keys.kind === 'template' && usesVariable(keys.template, 'uuid')
}

/** The same of an object that may be there already: it can have its name from an older rule. */
export function hasUniqueName({ keys }: Pick<Bucket, 'keys'>, key: string): boolean {
  return hasUniqueKeys({ keys }) && keys.kind === 'template' && hasUuidAsIn(keys.template, key)
}

/**
 * Whether a name alone says where its object belongs: size, type and region differ from one to the next, tenants
 * may share a name that does not have them in it, and a placement that takes nothing new keeps what it has.
 */
export function hasOneHome({
  placements,
  keys,
}: Pick<Bucket, 'keys'> & {
  readonly placements: readonly Pick<Placement, 'takes' | 'weight'>[]
}): boolean {
  if (placements.length < 2) return true
  const template = keys.kind === 'caller' ? keys.callerPrefix : keys.template
  const namesTenant = tenantSegment(template) !== undefined
  return placements.every(({ weight, takes = {} }) => {
    const { tenants, regions, contentTypes, minSizeBytes, maxSizeBytes } = takes
    if (weight === 0 || (tenants !== undefined && !namesTenant)) return false
    return [regions, contentTypes, minSizeBytes, maxSizeBytes].every((term) => term === undefined)
  })
}

function holds(terms: PlacementTerms, object: ObjectToPlace): boolean {
  const { contentTypes, minSizeBytes = 0, maxSizeBytes = Number.MAX_SAFE_INTEGER } = terms
  const { contentType, sizeBytes } = object
  if (!mayHold(terms, object)) return false
  if (sizeBytes < minSizeBytes || sizeBytes > maxSizeBytes) return false
  if (contentTypes === undefined || contentTypes.has(contentType)) return true
  return contentTypes.has(`${contentType.slice(0, contentType.indexOf('/'))}/*`)
}

function mayHold({ tenants, regions }: PlacementTerms, { tenant, region }: ObjectToFind): boolean {
  if (tenants !== undefined && !tenants.has(tenant)) return false
  return regions === undefined || (region !== undefined && regions.has(region))
}

function inOrder(
  placements: readonly Placement[],
  { strategy, key, hashing }: { strategy: 'primary' | 'weighted'; key: string; hashing: Hashing },
): readonly Placement[] {
  if (strategy === 'primary' || placements.length < 2) return placements
  const scored = placements.map((placement): [number, Placement] => [
    score(placement, key, hashing),
    placement,
  ])
  return scored.sort(([a], [b]) => b - a).map(([, placement]) => placement)
}

/**
 * Weighted rendezvous hashing: each placement wins its share of all keys, and a changed weight moves only the
 * keys that it has to. `u` is even in (0, 1), 53 bits of it.
 */
function score(placement: Placement, key: string, hashing: Hashing): number {
  const digest = hashing.sha256(`${placementName(placement)}\n${key}`)
  const view = new DataView(digest.buffer, digest.byteOffset)
  const high = view.getUint32(0) * 2 ** 21 + (view.getUint32(4) >>> 11)
  const u = (high + 0.5) / 2 ** 53
  return (placement.weight ?? 1) / -Math.log(u)
}
