import type { Clock } from '../clock.ts'
import { readCapped } from '../read-capped.ts'
import { escapeXml } from './escape-xml.ts'
import {
  type ListedUpload,
  MAX_PARTS,
  parseCompleteAnswer,
  parseCreateAnswer,
  parsePartsAnswer,
  parseUploadsAnswer,
} from './multipart-answer.ts'
import { bucketLocation, objectLocation, placedKey } from './object-url.ts'
import { refusedBegin } from './refused-begin.ts'
import { errorCodeOf, type SignedCall, type StoreCall, unavailable } from './signed-call.ts'
import type {
  CompleteOutcome,
  ListedPart,
  ObjectPlace,
  PartToComplete,
  PendingMultipart,
  StoreClient,
} from './store-client.ts'
import { usableAnswer } from './usable-answer.ts'

/** The part of a store client that is about multipart uploads. */
export type MultipartCalls = Pick<
  StoreClient,
  'createMultipart' | 'listParts' | 'completeMultipart' | 'abortMultipart' | 'listMultiparts'
>

// S3 puts large objects together for minutes, and sends blanks meanwhile; 60 s is what a client waits.
const COMPLETE_TIMEOUT_MS = 60_000
// The most that S3 sends. Uploads come with keys of up to 1,024 bytes, so fewer of them fill a page.
const PAGE_PARTS = 1_000
const PAGE_UPLOADS = 200
// Pages of parts have ascending numbers, so they end by themselves: this is how long they may take.
const LIST_PARTS_MS = 30_000
// 8,000 uploads of one key: nobody has as many, and no store sends an endless row.
const MAX_PAGES = 40
// A result or an error, and the blanks before it.
const MAX_ANSWER_BYTES = 64 * 1024
// 1 KiB a part, or 5 KiB an upload. Parsing a megabyte takes some tenths of a second, so not more.
const MAX_PAGE_BYTES = 1024 * 1024

/** What a code says of a CompleteMultipartUpload (S3 API, its errors); other codes say nothing. */
const OUTCOMES: ReadonlyMap<string, CompleteOutcome> = new Map([
  ['PreconditionFailed', 'conflict'],
  ['ConditionalRequestConflict', 'busy'],
  ['NoSuchUpload', 'gone'],
  ['InvalidPart', 'invalid'],
  ['InvalidPartOrder', 'invalid'],
  ['EntityTooSmall', 'invalid'],
])

/** CreateMultipartUpload, ListParts, CompleteMultipartUpload and their kin, by the `manage` key. */
export function createMultipartCalls(call: SignedCall, clock: Clock): MultipartCalls {
  return {
    createMultipart: (place, headers) => createMultipart(call, place, headers),
    listParts: (place, uploadId) => listParts(call, clock, place, uploadId),
    completeMultipart: (place, request) => completeMultipart(call, place, request),
    abortMultipart: (place, uploadId) => abortMultipart(call, place, uploadId),
    listMultiparts: (place) => listMultiparts(call, place),
  }
}

async function createMultipart(
  call: SignedCall,
  place: ObjectPlace,
  headers: ReadonlyMap<string, string>,
): Promise<string> {
  const wanted: StoreCall = {
    ...ofObject(place, [['uploads', '']]),
    verb: 'begin the multipart upload',
    method: 'POST',
    headers,
    accepts: ({ status }) => status === 200 || status === 400 || status === 501,
  }
  const response = await call(wanted)
  if (response.status !== 200) throw await refusedBegin(wanted, response)
  return usableAnswer(wanted, async () =>
    parseCreateAnswer(await readCapped(response, MAX_ANSWER_BYTES)),
  )
}

async function listParts(
  call: SignedCall,
  clock: Clock,
  place: ObjectPlace,
  uploadId: string,
): Promise<readonly ListedPart[] | undefined> {
  const parts: ListedPart[] = []
  const wanted: StoreCall = {
    ...ofObject(place, []),
    verb: 'list the parts',
    method: 'GET',
    accepts: ({ status }) => status === 200 || status === 404,
  }
  const untilMs = clock.nowMs() + LIST_PARTS_MS
  for (let leftMs = LIST_PARTS_MS; leftMs > 0; leftMs = untilMs - clock.nowMs()) {
    // The highest number so far, and not the store's marker: this one can be relied upon.
    const after = parts.at(-1)?.partNumber ?? 0
    const response = await call({
      ...wanted,
      timeoutMs: Math.ceil(Math.min(leftMs, place.placement.store.timeoutMs)),
      query: new Map([
        ['uploadId', uploadId],
        ['max-parts', String(PAGE_PARTS)],
        ...(after === 0 ? [] : [['part-number-marker', String(after)] as const]),
      ]),
    })
    if (response.status === 404) return await noSuchUpload(wanted, response)
    const page = await usableAnswer(wanted, async () =>
      parsePartsAnswer(await readCapped(response, MAX_PAGE_BYTES), after),
    )
    parts.push(...page.parts)
    if (!page.truncated || parts.at(-1)?.partNumber === MAX_PARTS) return parts
  }
  throw unavailable(wanted, { reason: `longer than ${LIST_PARTS_MS} ms` })
}

/** Ceph 16 says `NoSuchKey` of an upload that was aborted; a missing bucket proves nothing. */
async function noSuchUpload(wanted: StoreCall, response: Response): Promise<undefined> {
  const code = await errorCodeOf(response)
  if (code === 'NoSuchUpload' || code === 'NoSuchKey') return undefined
  throw unavailable(wanted, { status: response.status, code })
}

async function completeMultipart(
  call: SignedCall,
  place: ObjectPlace,
  {
    uploadId,
    parts,
    writeOnce,
  }: { uploadId: string; parts: readonly PartToComplete[]; writeOnce: boolean },
): Promise<CompleteOutcome> {
  const wanted: StoreCall = {
    ...ofObject(place, [['uploadId', uploadId]]),
    verb: 'complete the multipart upload',
    method: 'POST',
    headers: new Map([
      ['content-type', 'application/xml'],
      ...(writeOnce ? [['if-none-match', '*'] as const] : []),
    ]),
    body: completeBody(parts),
    timeoutMs: Math.max(place.placement.store.timeoutMs, COMPLETE_TIMEOUT_MS),
    accepts: ({ status }) => [200, 400, 404, 409, 412].includes(status),
  }
  const response = await call(wanted)
  const { status } = response
  const code =
    status === 200
      ? await usableAnswer(wanted, async () =>
          parseCompleteAnswer(await readCapped(response, MAX_ANSWER_BYTES)),
        )
      : await errorCodeOf(response)
  if (code === undefined) return 'completed'
  // Swift 2.30 words it so; under any other status it says that the request itself is wrong.
  if (status === 412 && code === 'InvalidRequest') return 'conflict'
  const outcome = OUTCOMES.get(code)
  if (outcome === undefined) throw unavailable(wanted, { status, code })
  return outcome
}

function completeBody(parts: readonly PartToComplete[]): string {
  const body = parts.map(({ partNumber, etag, sha256 }) => {
    const checksum =
      sha256 === undefined ? '' : `<ChecksumSHA256>${escapeXml(sha256)}</ChecksumSHA256>`
    return `<Part><PartNumber>${partNumber}</PartNumber><ETag>${escapeXml(etag)}</ETag>${checksum}</Part>`
  })
  return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${body.join('')}</CompleteMultipartUpload>`
}

async function abortMultipart(
  call: SignedCall,
  place: ObjectPlace,
  uploadId: string,
): Promise<void> {
  const response = await call({
    ...ofObject(place, [['uploadId', uploadId]]),
    verb: 'abort the multipart upload',
    method: 'DELETE',
    accepts: ({ status }) => status === 204 || status === 200 || status === 404,
  })
  await response.body?.cancel()
}

async function listMultiparts(
  call: SignedCall,
  place: ObjectPlace,
): Promise<readonly PendingMultipart[]> {
  const { store, bucket } = place.placement
  const key = placedKey(place)
  const found: PendingMultipart[] = []
  const wanted = {
    store,
    verb: 'list the multipart uploads',
    method: 'GET',
    location: bucketLocation(store, 'endpoint', bucket),
    background: place.background,
    accepts: ({ status }: Response) => status === 200,
  } as const
  let after: ListedUpload | undefined
  for (let pages = 1; pages <= MAX_PAGES; pages += 1) {
    // No encoding-type: Ceph 16 would encode the keys without saying so. None of ours needs it in XML.
    const query = new Map([
      ['uploads', ''],
      ['max-uploads', String(PAGE_UPLOADS)],
      ['prefix', key],
      ...(after === undefined ? [] : markersOf(after)),
    ])
    const page = await usablePage(call, { ...wanted, query })
    for (const { uploadId, initiatedMs, ...upload } of page.uploads) {
      // Keys that only begin with this one are listed too, and are somebody else's.
      if (upload.key === key) found.push({ uploadId, initiatedMs })
    }
    const last = page.uploads.at(-1)
    // By ascending key, and what begins with this one comes after it: from there on none is ours.
    if (!page.truncated || last?.key !== key) return found
    after = { ...last, uploadId: page.nextUploadId ?? last.uploadId }
  }
  throw unavailable(wanted, { reason: `more than ${MAX_PAGES} pages` })
}

// The last key itself, and not the store's NextKeyMarker, so that nothing has to be decoded.
function markersOf({ key, uploadId }: ListedUpload): readonly (readonly [string, string])[] {
  return [
    ['key-marker', key],
    ['upload-id-marker', uploadId],
  ]
}

async function usablePage(call: SignedCall, wanted: StoreCall) {
  const response = await call(wanted)
  return usableAnswer(wanted, async () =>
    parseUploadsAnswer(await readCapped(response, MAX_PAGE_BYTES)),
  )
}

function ofObject(
  place: ObjectPlace,
  query: readonly (readonly [string, string])[],
): Pick<StoreCall, 'store' | 'location' | 'query' | 'background'> {
  const { store, bucket } = place.placement
  return {
    store,
    location: objectLocation(store, 'endpoint', bucket, placedKey(place)),
    query: new Map(query),
    background: place.background,
  }
}
