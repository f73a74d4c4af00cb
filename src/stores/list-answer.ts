import { toTimestamp } from '../clock.ts'
import type { ListingDialect } from './profile.ts'
import type { ListedObject, ListPage } from './store-client.ts'
import { parseXml, textOf, type XmlElement } from './xml.ts'

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
  const encoded = leaf(result, 'EncodingType') === 'url'
  const contents = result.Contents ?? []
  if (!Array.isArray(contents)) throw new TypeError('Cannot read the listing: odd Contents')
  const objects = contents.map((item: unknown) => listedObject(item, encoded, context))
  if (leaf(result, 'IsTruncated') !== 'true') return { objects }
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
  if (listing.version === 2) return leaf(result, 'NextContinuationToken')
  const last = objects.at(-1)
  return last === undefined ? undefined : prefix + last.key
}

function listedObject(item: unknown, encoded: boolean, context: ListContext): ListedObject {
  if (!isElement(item)) throw new TypeError('Cannot read the listing: odd Contents')
  const written = required(item, 'Key')
  const once = encoded ? decodeForm(written) : written
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
    etag: leaf(item, 'ETag') ?? '',
    lastModified: toTimestamp(lastModifiedMs),
  }
}

/** Some stores write a space as `+`; a literal plus is `%2B` with all of them. */
function decodeForm(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '))
}

function required(element: XmlElement, name: string): string {
  const text = leaf(element, name)
  if (text === undefined) throw new TypeError(`Cannot read the listing: no ${name}`)
  return text
}

function leaf(element: XmlElement, name: string): string | undefined {
  const value = element[name]
  return typeof value === 'string' ? textOf(value) : undefined
}

function isElement(value: unknown): value is XmlElement {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
