import { toTimestamp } from '../clock.ts'
import { namedVersion } from './named-version.ts'
import type { HeadResult } from './store-client.ts'

const META = 'x-amz-meta-'
// As in listings of parts: what is longer, or no text, no record could keep.
const ETAG = /^[\x20-\x7e]{1,256}$/
// S3 User Guide, versioning: at most 1,024 bytes.
const VERSION_ID = /^[\x21-\x7e]{1,1024}$/
/** What a timestamp of four digits can say. */
const MAX_DATE_MS = Date.UTC(9999, 11, 31)

// RFC 9110 section 5.6.7. Without GMT it would be read in the time zone of this machine.
const HTTP_DATE = /^[A-Z][a-z]{2,8}, .* \d\d:\d\d:\d\d GMT$/

/** The store's own time by its `Date` header, or an empty object when it sent none that is a date. */
export function storeTime(headers: Headers): { storeNowMs?: number } {
  const date = headers.get('date') ?? ''
  const storeNowMs = HTTP_DATE.test(date) ? dateMs(date) : undefined
  return storeNowMs === undefined ? {} : { storeNowMs }
}

/**
 * Reads the headers of a successful HEAD. Throws `TypeError` when the size or the ETag is missing or
 * malformed, or the version is: such an answer proves nothing.
 */
export function parseHeadAnswer(headers: Headers): Extract<HeadResult, { found: true }> {
  const length = headers.get('content-length') ?? ''
  const sizeBytes = Number(length)
  if (!/^[0-9]+$/.test(length) || !Number.isSafeInteger(sizeBytes)) {
    throw new TypeError('Cannot read the answer: no size')
  }
  const etag = headers.get('etag') ?? ''
  if (!ETAG.test(etag)) throw new TypeError('Cannot read the answer: no ETag')
  const versionId = namedVersion(headers.get('x-amz-version-id') ?? undefined)
  if (versionId !== undefined && !VERSION_ID.test(versionId)) {
    throw new TypeError('Cannot read the answer: odd version')
  }
  const storageClass = headers.get('x-amz-storage-class')
  const redirect = headers.get('x-amz-website-redirect-location')
  const tags = headers.get('x-amz-tagging-count') ?? ''
  const lastModifiedMs = dateMs(headers.get('last-modified'))
  return {
    found: true,
    sizeBytes,
    // RFC 9110 section 8.3: what a recipient may assume when nothing is said.
    contentType: headers.get('content-type') ?? 'application/octet-stream',
    etag,
    ...(versionId !== undefined && { versionId }),
    ...(lastModifiedMs !== undefined && { lastModified: toTimestamp(lastModifiedMs) }),
    metadata: metadataOf(headers),
    ...(storageClass !== null && storageClass !== '' && { storageClass }),
    ...(/^[0-9]{1,4}$/.test(tags) && { tagCount: Number(tags) }),
    ...(redirect !== null && redirect !== '' && { redirect }),
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
  return ms >= 0 && ms <= MAX_DATE_MS ? ms : undefined
}
