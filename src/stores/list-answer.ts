import { toTimestamp } from '../clock.ts'
import type { ListingDialect } from './profile.ts'
import type { ListedObject, ListPage } from './store-client.ts'
import { isElement, keyText, leafOf, parseXml, textOf, type XmlElement } from './xml.ts'

/** What has to be known to read a listing. */
export interface ListContext {
  /** The placement's prefix, taken off every key. */
  readonly prefix: string
  readonly listing: ListingDialect
}

/**
 * Reads the answer to ListObjects, of the version that was asked for. Keys are percent-decoded only when the answer itself says
 * `<EncodingType>url</EncodingType>`. Throws `TypeError` on anything that is not such an answer, a
 * key outside the prefix included.
 */
export function parseListAnswer(xml: string, context: ListContext): ListPage {
  const result = parseXml(xml).ListBucketResult
  if (!isElement(result)) throw new TypeError('Cannot read the listing: not a ListBucketResult')
  const encoded = leafOf(result, 'EncodingType') === 'url'
  const contents = result.Contents ?? []
  if (!Array.isArray(contents)) throw new TypeError('Cannot read the listing: odd Contents')
  const objects = contents.map((item: unknown) => listedObject(item, encoded, context))
  if (leafOf(result, 'IsTruncated') !== 'true') return { objects }
  const next = nextPage(result, objects, context)
  if (next === undefined || next === '') {
    throw new TypeError('Cannot read the listing: truncated, but without a token')
  }
  return { objects, next }
}

/** In version 1 the last key of a page, and no token of the store's. */
function nextPage(
  result: XmlElement,
  objects: readonly ListedObject[],
  { prefix, listing }: ListContext,
): string | undefined {
  if (listing.version === 2) return leafOf(result, 'NextContinuationToken')
  const last = objects.at(-1)
  return last === undefined ? undefined : prefix + last.key
}

function listedObject(item: unknown, encoded: boolean, context: ListContext): ListedObject {
  if (!isElement(item)) throw new TypeError('Cannot read the listing: odd Contents')
  const once = keyText(required(item, 'Key'), encoded)
  const key = context.listing.escapedTwice ? textOf(once) : once
  if (!key.startsWith(context.prefix)) throw new TypeError('Cannot read the listing: foreign key')
  const sizeBytes = Number(required(item, 'Size'))
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
    throw new TypeError('Cannot read the listing: odd Size')
  }
  const lastModifiedMs = Date.parse(required(item, 'LastModified'))
  if (Number.isNaN(lastModifiedMs)) throw new TypeError('Cannot read the listing: odd LastModified')
  return {
    key: key.slice(context.prefix.length),
    sizeBytes,
    etag: leafOf(item, 'ETag') ?? '',
    lastModified: toTimestamp(lastModifiedMs),
  }
}

function required(element: XmlElement, name: string): string {
  const text = leafOf(element, name)
  if (text === undefined) throw new TypeError(`Cannot read the listing: no ${name}`)
  return text
}
