import { toTimestamp } from '../clock.ts'
import type { HeadResult } from './store-client.ts'

const META = 'x-amz-meta-'

/** The store's own time by its `Date` header, or an empty object when it sent none that is a date. */
export function storeTime(headers: Headers): { storeNowMs?: number } {
  const storeNowMs = dateMs(headers.get('date'))
  return storeNowMs === undefined ? {} : { storeNowMs }
}

/**
 * Reads the headers of a successful HEAD. Throws `TypeError` when the size or the ETag is missing or
 * malformed: such an answer proves nothing.
 */
export function parseHeadAnswer(headers: Headers): Extract<HeadResult, { found: true }> {
  const length = headers.get('content-length') ?? ''
  const sizeBytes = Number(length)
  if (!/^[0-9]+$/.test(length) || !Number.isSafeInteger(sizeBytes)) {
    throw new TypeError('Cannot read the answer: no size')
  }
  const etag = headers.get('etag')
  if (etag === null || etag === '') throw new TypeError('Cannot read the answer: no ETag')
  const versionId = headers.get('x-amz-version-id')
  const lastModifiedMs = dateMs(headers.get('last-modified'))
  return {
    found: true,
    sizeBytes,
    // RFC 9110 section 8.3: what a recipient may assume when nothing is said.
    contentType: headers.get('content-type') ?? 'application/octet-stream',
    etag,
    ...(versionId !== null && versionId !== '' && { versionId }),
    ...(lastModifiedMs !== undefined && { lastModified: toTimestamp(lastModifiedMs) }),
    metadata: metadataOf(headers),
    ...storeTime(headers),
  }
}

function metadataOf(headers: Headers): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>()
  for (const [name, value] of headers) {
    if (name.startsWith(META)) metadata.set(name.slice(META.length), value)
  }
  return metadata
}

function dateMs(text: string | null): number | undefined {
  const ms = text === null ? Number.NaN : Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}
