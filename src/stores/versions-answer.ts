import { isElement, leafOf, parseXml, type XmlElement } from './xml.ts'

/** A version of an object, or a delete marker. */
export interface ListedVersion {
  /** The whole key in the store, the placement's prefix included. */
  readonly key: string
  readonly versionId: string
  readonly lastModifiedMs: number
}

/** One page of ListObjectVersions, and where the next one starts, if there is one. */
export interface VersionsPage {
  readonly versions: readonly ListedVersion[]
  readonly next?: { readonly keyMarker: string; readonly versionIdMarker: string }
}

/**
 * Reads a page of ListObjectVersions that was asked for without an encoding, delete markers and all.
 * Throws `TypeError` on anything that is not one.
 */
export function parseVersionsAnswer(xml: string): VersionsPage {
  const result = parseXml(xml).ListVersionsResult
  if (!isElement(result)) throw new TypeError('Cannot read the versions: not a ListVersionsResult')
  const versions = ['Version', 'DeleteMarker'].flatMap((name) => childrenOf(result, name))
  if (leafOf(result, 'IsTruncated') !== 'true') return { versions: versions.map(listedVersion) }
  const keyMarker = leafOf(result, 'NextKeyMarker') ?? ''
  if (keyMarker === '') throw new TypeError('Cannot read the versions: truncated, but no marker')
  const versionIdMarker = leafOf(result, 'NextVersionIdMarker') ?? ''
  return { versions: versions.map(listedVersion), next: { keyMarker, versionIdMarker } }
}

/** The parser makes an array of two elements of one name, and none of a single one. */
function childrenOf(result: XmlElement, name: string): readonly unknown[] {
  const found = result[name]
  if (found === undefined) return []
  return Array.isArray(found) ? found : [found]
}

function listedVersion(element: unknown): ListedVersion {
  if (!isElement(element)) throw new TypeError('Cannot read the versions: odd Version')
  const key = leafOf(element, 'Key') ?? ''
  const versionId = leafOf(element, 'VersionId') ?? ''
  const lastModifiedMs = Date.parse(leafOf(element, 'LastModified') ?? '')
  if (key === '' || versionId === '' || Number.isNaN(lastModifiedMs)) {
    throw new TypeError('Cannot read the versions: odd Version')
  }
  return { key, versionId, lastModifiedMs }
}
