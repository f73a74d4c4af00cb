import type { Placement, PlacementTerms, Store } from '../stores/store.ts'
import { checkPrefix } from './check-prefix.ts'
import { type Path, quote } from './problem.ts'
import type { Report } from './report.ts'
import type { BucketInput } from './schema-buckets.ts'
import { didYouMean } from './suggest.ts'

type PlacementInput = BucketInput['placements'][number]

interface PlacementScope {
  /** The stores that could be read. */
  readonly stores: ReadonlyMap<string, Store>
  /** All names under `stores`, broken ones too: those have their problems told already. */
  readonly storeNames: ReadonlySet<string>
  readonly path: Path
  readonly report: Report
}

/** The placements of a bucket that can be used, in their order. Reports those of one object. */
export function buildPlacements(
  inputs: readonly PlacementInput[],
  { path, report, ...known }: PlacementScope,
): readonly Placement[] {
  inputs.forEach((input, index) => {
    const twin = inputs.slice(0, index).findIndex((other) => overlaps(input, other, known.stores))
    if (twin === -1) return
    const how = inputs[twin]?.store === input.store ? '' : ', at the same endpoint'
    report.problem([...path, index], `shares objects with placements[${twin}]${how}`)
  })
  return inputs.flatMap((input, index) =>
    buildPlacement(input, { ...known, path: [...path, index], report }),
  )
}

function buildPlacement(
  { store: storeName, bucket, prefix, weight, takes }: PlacementInput,
  { stores, storeNames, path, report }: PlacementScope,
): Placement[] {
  checkPrefix(prefix, [...path, 'prefix'], report)
  const store = stores.get(storeName)
  if (!storeNames.has(storeName)) {
    const hint = didYouMean(storeName, storeNames)
    report.problem([...path, 'store'], `names no store: ${quote(storeName)}${hint}`)
  } else if (store?.addressing === 'virtual' && !isHostLabel(bucket)) {
    report.problem([...path, 'bucket'], 'cannot be a part of a host name: use addressing: path')
  }
  const terms = takes && buildTerms(takes, [...path, 'takes'], report)
  if (store === undefined) return []
  return [
    {
      store,
      bucket,
      prefix,
      ...(weight !== undefined && { weight }),
      ...(terms !== undefined && { takes: terms }),
    },
  ]
}

function buildTerms(
  takes: NonNullable<PlacementInput['takes']>,
  path: Path,
  report: Report,
): PlacementTerms {
  const { tenants, regions, contentTypes, minSizeBytes, maxSizeBytes } = takes
  contentTypes?.forEach((type, index) => {
    if (CONTENT_TYPE.test(type)) return
    report.problem([...path, 'contentTypes', index], 'must be like image/png or image/*')
  })
  if ((minSizeBytes ?? 0) > (maxSizeBytes ?? Number.MAX_SAFE_INTEGER)) {
    report.problem([...path, 'maxSizeBytes'], `must be at least minSizeBytes, ${minSizeBytes}`)
  }
  if (Object.values(takes).every((member) => member === undefined)) {
    report.problem(path, 'must say which objects: leave it out where all are taken')
  }
  return {
    ...(tenants !== undefined && { tenants: new Set(tenants) }),
    ...(regions !== undefined && { regions: new Set(regions) }),
    ...(contentTypes !== undefined && { contentTypes: new Set(contentTypes) }),
    ...(minSizeBytes !== undefined && { minSizeBytes }),
    ...(maxSizeBytes !== undefined && { maxSizeBytes }),
  }
}

/** An essence in lower case (RFC 9110 section 8.3.1), or all of a type. */
const CONTENT_TYPE = /^[a-z0-9!#$&^_.+-]+\/(?:\*|[a-z0-9!#$&^_.+-]+)$/

/** The same object would have two names, also where its store has two. */
function overlaps(
  one: PlacementInput,
  other: PlacementInput,
  stores: PlacementScope['stores'],
): boolean {
  const addressOf = ({ store }: PlacementInput) => stores.get(store)?.endpoint ?? store
  if (addressOf(one) !== addressOf(other) || one.bucket !== other.bucket) return false
  return one.prefix.startsWith(other.prefix) || other.prefix.startsWith(one.prefix)
}

function isHostLabel(bucket: string): boolean {
  // A dot would leave the wildcard of the store's certificate (RFC 6125 section 6.4.3).
  return /^[a-z0-9](?:[a-z0-9-]{1,61}[a-z0-9])?$/.test(bucket)
}
