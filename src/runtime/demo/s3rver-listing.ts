import { encodeSegment } from '../../object-key.ts'
import { escapeXml } from '../../stores/escape-xml.ts'

/** A page of the parts of an upload. */
export interface PartsListing {
  readonly bucket: string
  readonly key: string
  readonly uploadId: string
  readonly parts: readonly {
    readonly number: number
    readonly sizeBytes: number
    readonly modifiedAt: Date
    readonly md5: string
  }[]
  readonly truncated: boolean
}

/** A page of the pending uploads of a bucket; `encoded` percent-encodes the keys, and says so. */
export interface UploadsListing {
  readonly bucket: string
  readonly uploads: readonly {
    readonly key: string
    readonly uploadId: string
    readonly initiatedAt: Date
  }[]
  readonly truncated: boolean
  readonly encoded: boolean
}

type Element = readonly [name: string, content: string | number | boolean | readonly Element[]]

/** The answer to ListParts. Source: S3 API, ListParts. */
export function partsXml({ bucket, key, uploadId, parts, truncated }: PartsListing): string {
  return documentOf('ListPartsResult', [
    ['Bucket', bucket],
    ['Key', key],
    ['UploadId', uploadId],
    ...nextOf(truncated, [['NextPartNumberMarker', parts.at(-1)?.number ?? 0]]),
    ['IsTruncated', truncated],
    ...parts.map(
      ({ number, sizeBytes, modifiedAt, md5 }): Element => [
        'Part',
        [
          ['PartNumber', number],
          ['LastModified', modifiedAt.toISOString()],
          ['ETag', `"${md5}"`],
          ['Size', sizeBytes],
        ],
      ],
    ),
  ])
}

/** The answer to ListMultipartUploads. Source: S3 API, ListMultipartUploads. */
export function uploadsXml({ bucket, uploads, truncated, encoded }: UploadsListing): string {
  const keyOf = (key: string) => (encoded ? encodeSegment(key) : key)
  const last = uploads.at(-1)
  return documentOf('ListMultipartUploadsResult', [
    ['Bucket', bucket],
    ...(encoded ? [['EncodingType', 'url'] as const] : []),
    ...nextOf(truncated, [
      ['NextKeyMarker', keyOf(last?.key ?? '')],
      ['NextUploadIdMarker', last?.uploadId ?? ''],
    ]),
    ['IsTruncated', truncated],
    ...uploads.map(
      ({ key, uploadId, initiatedAt }): Element => [
        'Upload',
        [
          ['Key', keyOf(key)],
          ['UploadId', uploadId],
          ['Initiated', initiatedAt.toISOString()],
        ],
      ],
    ),
  ])
}

function nextOf(truncated: boolean, markers: readonly Element[]): readonly Element[] {
  return truncated ? markers : []
}

function documentOf(name: string, children: readonly Element[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${xmlOf([name, children])}`
}

function xmlOf([name, content]: Element): string {
  const inner = Array.isArray(content) ? content.map(xmlOf).join('') : escapeXml(String(content))
  return `<${name}>${inner}</${name}>`
}
