import type { Placement, Store } from '../stores/store.ts'
import type { ConfiguredBucket, Tenant } from './config.ts'
import { quote } from './problem.ts'
import type { Report } from './report.ts'
import type { ServerInput } from './schema-server.ts'

/** Looks at what only shows when everything is there: warnings, no problems. */
export function checkTogether(
  all: {
    readonly stores: ReadonlyMap<string, Store>
    readonly buckets: ReadonlyMap<string, ConfiguredBucket>
    readonly tenants: ReadonlyMap<string, Tenant>
    /** `undefined`: it could not be read. */
    readonly server: Pick<ServerInput, 'callerRegion'> | undefined
  },
  report: Report,
): void {
  const { stores, buckets, tenants, server } = all
  for (const store of stores.values()) warnOfCopyHole(store, report)
  warnOfSharedObjects([...buckets.values()], report)
  for (const bucket of buckets.values()) if (server) warnOfRegions(bucket, server, report)
  if (tenants.size === 0) report.warn(['tenants'], 'has nobody in it: all requests are refused')
}

// An unsigned x-amz-copy-source makes an upload URL a read of all that its credential may read. What
// is not known yet is for the probe to find out, unless one key pair does both for certain.
function warnOfCopyHole(store: Store, report: Report): void {
  const { capabilities, credentials, allowReadableWriteCredential } = store
  const { unsignedCopySource, writeCredentialReads } = capabilities
  const path = ['stores', store.name]
  const advice = 'give "write" a key pair that cannot read'
  if (allowReadableWriteCredential) {
    // Whatever is known of the store: an override is to be seen at every start.
    report.warn(
      [...path, 'allowReadableWriteCredential'],
      `lets upload URLs be signed that may copy what "write" can read: ${advice}`,
    )
    return
  }
  const reads = credentials.write.accessKeyId === credentials.read.accessKeyId
  if (unsignedCopySource !== 'open' || writeCredentialReads === 'no' || !reads) return
  report.warn(
    [...path, 'credentials'],
    `would let every upload URL copy, so that uploads are refused: ${advice}`,
  )
}

// Two buckets over the same objects each let their callers past the rules of the other.
function warnOfSharedObjects(buckets: readonly ConfiguredBucket[], report: Report): void {
  buckets.forEach((bucket, index) => {
    const other = buckets
      .slice(0, index)
      .find(({ placements }) =>
        placements.some((theirs) => bucket.placements.some((own) => overlap(own, theirs))),
      )
    if (other === undefined) return
    report.warn(['buckets', bucket.name, 'placements'], `share objects with ${quote(other.name)}`)
  })
}

// Such a placement takes nobody's objects, or those of fewer regions than it says.
function warnOfRegions(
  { name, placements }: ConfiguredBucket,
  { callerRegion: { header, networks } }: Pick<ServerInput, 'callerRegion'>,
  report: Report,
): void {
  if (header !== undefined) return
  placements.forEach(({ takes }, at) => {
    const regions = [...(takes?.regions ?? [])]
    regions.forEach((region, index) => {
      if (Object.hasOwn(networks, region)) return
      report.warn(
        ['buckets', name, 'placements', at, 'takes', 'regions', index],
        'is told of nobody: see server.callerRegion',
      )
    })
  })
}

function overlap(a: Placement, b: Placement): boolean {
  if (a.bucket !== b.bucket || a.store.endpoint !== b.store.endpoint) return false
  return a.prefix.startsWith(b.prefix) || b.prefix.startsWith(a.prefix)
}
