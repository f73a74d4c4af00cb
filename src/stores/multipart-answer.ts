import type { ListedPart } from './store-client.ts'
import { isElement, keyText, leafOf, parseXml, type XmlElement } from './xml.ts'

/** One page of ListParts. */
export interface PartsPage {
  readonly parts: readonly ListedPart[]
  readonly truncated: boolean
}

/** An upload as ListMultipartUploads names it. */
export interface ListedUpload {
  /** The whole key in the store, the placement's prefix included. */
  readonly key: string
  readonly uploadId: string
  readonly initiatedMs: number
}

/** One page of ListMultipartUploads, and the id that the next one starts after, if the store says. */
export interface UploadsPage {
  readonly uploads: readonly ListedUpload[]
  readonly truncated: boolean
  readonly nextUploadId?: string
}

/** Most parts of one upload (S3 User Guide, multipart upload limits). */
export const MAX_PARTS = 10_000
// The same page.
const MAX_PART_BYTES = 5 * 2 ** 30
// 128 on AWS, some hundred on R2: enough for all, and short enough to be kept.
const UPLOAD_ID = /^[\x21-\x7e]{1,1024}$/
const ETAG = /^[\x20-\x7e]{1,256}$/
const SHA256 = /^[A-Za-z0-9+/]{43}=$/

/** The id in the answer to CreateMultipartUpload. Throws `TypeError` for every other answer. */
export function parseCreateAnswer(xml: string): string {
  return uploadIdOf(rootOf(xml, 'InitiateMultipartUploadResult'))
}

/**
 * Reads a page of ListParts. Throws `TypeError` on anything that is not one: numbers above 10,000,
 * numbers that do not ascend from above `afterPart` (0 at first), parts above 5 GiB, odd ETags, a
 * page that ends nowhere.
 */
export function parsePartsAnswer(xml: string, afterPart: number): PartsPage {
  const result = rootOf(xml, 'ListPartsResult')
  const parts = childrenOf(result, 'Part').map(listedPart)
  let last = afterPart
  for (const { partNumber } of parts) {
    if (partNumber <= last) throw new TypeError('Cannot read the parts: not in ascending order')
    last = partNumber
  }
  return { parts, truncated: truncatedOf(result, parts) }
}

/** Reads a page of ListMultipartUploads. Throws `TypeError` on anything that is not one. */
export function parseUploadsAnswer(xml: string): UploadsPage {
  const result = rootOf(xml, 'ListMultipartUploadsResult')
  const encoded = leafOf(result, 'EncodingType') === 'url'
  const uploads = childrenOf(result, 'Upload').map((upload) => listedUpload(upload, encoded))
  const nextUploadId = leafOf(result, 'NextUploadIdMarker')
  return {
    uploads,
    truncated: truncatedOf(result, uploads),
    ...(nextUploadId !== undefined && nextUploadId !== '' && { nextUploadId }),
  }
}

/**
 * The code of the error that the answer to CompleteMultipartUpload holds, or undefined when it says
 * that the object is there. S3 sends 200 before it knows (CompleteMultipartUpload, S3 API), so the
 * error may come under that status. Throws `TypeError` when the answer says neither.
 */
export function parseCompleteAnswer(xml: string): string | undefined {
  const root = parseXml(xml)
  if (isElement(root.CompleteMultipartUploadResult)) return undefined
  const code = isElement(root.Error) ? leafOf(root.Error, 'Code') : undefined
  if (code === undefined || !/^[A-Za-z]{1,64}$/.test(code)) {
    throw new TypeError('Cannot read the answer: neither a result nor an error')
  }
  return code
}

function listedPart(part: XmlElement): ListedPart {
  const etag = leafOf(part, 'ETag') ?? ''
  if (!ETAG.test(etag)) throw new TypeError('Cannot read the parts: odd ETag')
  const sha256 = leafOf(part, 'ChecksumSHA256') ?? ''
  if (sha256 !== '' && !SHA256.test(sha256)) {
    throw new TypeError('Cannot read the parts: odd ChecksumSHA256')
  }
  return {
    partNumber: numberOf(part, 'PartNumber', MAX_PARTS),
    sizeBytes: numberOf(part, 'Size', MAX_PART_BYTES),
    etag,
    ...(sha256 !== '' && { sha256 }),
  }
}

function listedUpload(upload: XmlElement, encoded: boolean): ListedUpload {
  const key = keyText(leafOf(upload, 'Key') ?? '', encoded)
  if (key === '') throw new TypeError('Cannot read the uploads: no Key')
  const initiatedMs = Date.parse(leafOf(upload, 'Initiated') ?? '')
  if (Number.isNaN(initiatedMs)) throw new TypeError('Cannot read the uploads: odd Initiated')
  return { key, uploadId: uploadIdOf(upload), initiatedMs }
}

function uploadIdOf(element: XmlElement): string {
  const uploadId = leafOf(element, 'UploadId') ?? ''
  if (!UPLOAD_ID.test(uploadId)) throw new TypeError('Cannot read the answer: odd UploadId')
  return uploadId
}

function numberOf(element: XmlElement, name: string, max: number): number {
  const text = leafOf(element, name) ?? ''
  if (!/^[0-9]{1,10}$/.test(text) || Number(text) > max) {
    throw new TypeError(`Cannot read the parts: odd ${name}`)
  }
  return Number(text)
}

function truncatedOf(result: XmlElement, items: readonly unknown[]): boolean {
  const truncated = leafOf(result, 'IsTruncated') === 'true'
  if (truncated && items.length === 0) {
    throw new TypeError('Cannot read the answer: truncated, but empty')
  }
  return truncated
}

function childrenOf(result: XmlElement, name: 'Part' | 'Upload'): readonly XmlElement[] {
  const children = result[name] ?? []
  if (!Array.isArray(children) || !children.every(isElement)) {
    throw new TypeError(`Cannot read the answer: odd ${name}`)
  }
  return children
}

function rootOf(xml: string, name: string): XmlElement {
  const root = parseXml(xml)[name]
  if (!isElement(root)) throw new TypeError(`Cannot read the answer: not a ${name}`)
  return root
}
