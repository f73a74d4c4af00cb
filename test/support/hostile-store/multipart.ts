import { randomUUID } from 'node:crypto'
import { isElement, leafOf, parseXml } from '../../../src/stores/xml.ts'
import type { Answer, Call } from './call.ts'
import { checkBody } from './check-body.ts'
import { copiedObject, copySourceOf } from './copy-object.ts'
import { keptHeaders, requestHeaders } from './kept-headers.ts'
import { md5Of, type PendingUpload, type StoredPart } from './memory-bucket.ts'
import { versionHeaders } from './put-object.ts'
import { xml } from './read-object.ts'
import { notImplemented, S3Error } from './s3-error.ts'
import { xmlOf } from './xml-of.ts'

const MAX_PARTS = 10_000
const MIN_PART_BYTES = 5 * 2 ** 20

/** CreateMultipartUpload. */
export async function createUpload(call: Call): Promise<Answer> {
  call.demand('write')
  if (call.lies('createRefused')) throw notImplemented('CreateMultipartUpload')
  await call.received.body()
  const kept = keptHeaders(call, requestHeaders(call))
  const uploadId = randomUUID()
  call.bucket.uploads.set(uploadId, {
    key: call.key,
    initiatedMs: call.world.nowMs(),
    parts: new Map(),
    kept: call.lies('multipartTagsDropped') ? { ...kept, tags: '' } : kept,
    aborted: false,
  })
  return xml(
    xmlOf('InitiateMultipartUploadResult', [
      ['Bucket', call.received.bucketName],
      ['Key', call.key],
      ['UploadId', uploadId],
    ]),
  )
}

/** UploadPart, or UploadPartCopy where a source is named. */
export async function putPart(call: Call): Promise<Answer> {
  call.demand('write')
  const number = Number(call.query('partNumber'))
  if (!Number.isInteger(number) || number < 1 || number > MAX_PARTS) {
    throw new S3Error(400, 'InvalidArgument', 'Part number must be between 1 and 10000')
  }
  const upload = pending(call, call.lies('partsAfterAbort'))
  const source = copySourceOf(call, 'copyByUnderscoresOnPart')
  if (source !== undefined) {
    const part = storePart(upload, number, copiedObject(call, source).body)
    return xml(xmlOf('CopyPartResult', [['ETag', part.etag]]))
  }
  if (call.header('content-length') === undefined && !call.lies('partLength')) {
    throw new S3Error(411, 'MissingContentLength', 'You must provide the Content-Length header')
  }
  const body = await call.received.body()
  checkBody(call, body)
  return { status: 200, headers: { etag: storePart(upload, number, body).etag } }
}

/** ListParts. */
export function listParts(call: Call): Answer {
  call.demand('read')
  if (call.lies('partsUnlisted')) throw new S3Error(405, 'MethodNotAllowed', 'Not allowed')
  const upload = pending(call, call.lies('partsListedAfterAbort'))
  const after = Number(call.query('part-number-marker') ?? 0)
  const limit = Number(call.query('max-parts') ?? 1_000)
  const all = [...upload.parts].filter(([number]) => number > after).sort(([a], [b]) => a - b)
  const page = all.slice(0, limit)
  return xml(
    xmlOf('ListPartsResult', [
      ['Bucket', call.received.bucketName],
      ['Key', call.key],
      ['UploadId', call.query('uploadId') ?? ''],
      ['MaxParts', limit],
      ['IsTruncated', call.lies('listEndless') || all.length > page.length],
      ['NextPartNumberMarker', page.at(-1)?.[0] ?? after],
      ...page.map(
        ([number, { body, etag }]) =>
          [
            'Part',
            [
              ['PartNumber', number],
              ['ETag', etag],
              ['Size', body.length],
            ],
          ] as const,
      ),
    ]),
  )
}

/** CompleteMultipartUpload: parts by their numbers and ETags, and the condition on what is there. */
export async function completeUpload(call: Call): Promise<Answer> {
  call.demand('write')
  const body = await call.received.body()
  checkBody(call, body)
  if (call.lies('completeBreaks')) throw new S3Error(500, 'InternalError', 'Please try again')
  const upload = pending(call, false)
  const named = namedParts(body.toString())
  const parts = named.map(([number, etag]) => {
    const part = upload.parts.get(number)
    if (part === undefined || part.etag.replaceAll('"', '') !== etag.replaceAll('"', '')) {
      throw new S3Error(400, 'InvalidPart', 'One or more of the parts could not be found')
    }
    return part
  })
  if (parts.slice(0, -1).some((part) => part.body.length < MIN_PART_BYTES)) {
    throw new S3Error(400, 'EntityTooSmall', 'Your proposed upload is too small')
  }
  checkWriteOnce(call)
  const bytes = Buffer.concat(parts.map((part) => part.body))
  const digests = parts.map((part) => Buffer.from(part.etag.replaceAll('"', ''), 'hex'))
  const object = {
    body: bytes,
    etag: `"${md5Of(...digests)}-${parts.length}"`,
    ...upload.kept,
    modifiedMs: call.world.nowMs(),
  }
  const stored = call.lies('completeNothing') ? object : call.bucket.put(call.key, object)
  call.bucket.uploads.delete(call.query('uploadId') ?? '')
  const result = [
    ['Bucket', call.received.bucketName],
    ['Key', call.key],
    ['ETag', stored.etag],
  ] as const
  const answer = xml(xmlOf('CompleteMultipartUploadResult', result))
  return { ...answer, headers: { ...answer.headers, ...versionHeaders(stored) } }
}

/** AbortMultipartUpload. */
export function abortUpload(call: Call): Answer {
  call.demand('write')
  const upload = pending(call, false)
  upload.aborted = true
  const stays = call.lies('partsAfterAbort') || call.lies('partsListedAfterAbort')
  if (!stays) call.bucket.uploads.delete(call.query('uploadId') ?? '')
  return { status: 204 }
}

function checkWriteOnce(call: Call): void {
  if (call.header('if-none-match') === undefined) return
  const refused = new S3Error(412, 'PreconditionFailed', 'A precondition did not hold')
  if (call.lies('completeRefuses')) throw refused
  if (call.bucket.find(call.key) !== undefined) call.refuse(refused, 'completeOverwrites')
}

function pending(call: Call, abortedToo: boolean): PendingUpload {
  const upload = call.bucket.uploads.get(call.query('uploadId') ?? '')
  if (upload?.key !== call.key || (upload.aborted && !abortedToo)) {
    throw new S3Error(404, 'NoSuchUpload', 'The specified upload does not exist')
  }
  return upload
}

function storePart(upload: PendingUpload, number: number, body: Buffer): StoredPart {
  const part = { body, etag: `"${md5Of(body)}"` }
  upload.parts.set(number, part)
  return part
}

function namedParts(text: string): (readonly [number, string])[] {
  const malformed = () => new S3Error(400, 'MalformedXML', 'The XML is not well-formed')
  const root = isElement(parseXml(text).CompleteMultipartUpload)
    ? parseXml(text).CompleteMultipartUpload
    : undefined
  const parts = isElement(root) ? root.Part : undefined
  if (!Array.isArray(parts) || parts.length === 0) throw malformed()
  const named = parts.map((part: unknown) => {
    if (!isElement(part)) throw malformed()
    return [Number(leafOf(part, 'PartNumber')), leafOf(part, 'ETag') ?? ''] as const
  })
  for (const [index, [number]] of named.entries()) {
    if (index > 0 && number <= (named[index - 1]?.[0] ?? 0)) {
      throw new S3Error(400, 'InvalidPartOrder', 'The parts are not in ascending order')
    }
  }
  return named
}
