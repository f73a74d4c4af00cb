import type {
  CompleteOutcome,
  ListedPart,
  PartToComplete,
  PendingMultipart,
} from '../../src/stores/store-client.ts'

/** A part that a client has sent in full. */
export interface SentPart {
  /** Reservation that it belongs to. */
  readonly rid: string
  readonly key: string
  readonly uploadId: string
  readonly partNumber: number
  readonly sizeBytes: number
}

/** What an upload in parts becomes. */
export interface JoinedParts {
  readonly rid: string
  readonly sizeBytes: number
  readonly headers: Readonly<Record<string, string>>
}

interface Upload {
  readonly key: string
  readonly headers: Readonly<Record<string, string>>
  readonly initiatedMs: number
  readonly parts: Map<number, ListedPart>
  rid: string
}

/** The pending multipart uploads of a simulated store, by keys as the store knows them. */
export class SimulatedMultiparts {
  readonly uploads = new Map<string, Upload>()
  #ids = 0
  #etags = 0

  create(key: string, headers: ReadonlyMap<string, string>, initiatedMs: number): string {
    this.#ids += 1
    const uploadId = `upload-${this.#ids}`
    const upload = { key, headers: Object.fromEntries(headers), initiatedMs, rid: '' }
    this.uploads.set(uploadId, { ...upload, parts: new Map() })
    return uploadId
  }

  /** The last byte of a part has come; 404 when its upload was completed or aborted meanwhile. */
  put({ rid, key, uploadId, partNumber, sizeBytes }: SentPart): 200 | 404 {
    const upload = this.#find(key, uploadId)
    if (upload === undefined) return 404
    this.#etags += 1
    upload.rid = rid
    upload.parts.set(partNumber, { partNumber, sizeBytes, etag: `"part-${this.#etags}"` })
    return 200
  }

  list(key: string, uploadId: string): readonly ListedPart[] | undefined {
    const upload = this.#find(key, uploadId)
    return (
      upload && [...upload.parts.values()].sort((one, other) => one.partNumber - other.partNumber)
    )
  }

  /** Joins the parts, and the upload is gone; or says why not, and it stays. */
  join(
    key: string,
    uploadId: string,
    parts: readonly PartToComplete[],
  ): JoinedParts | Exclude<CompleteOutcome, 'completed' | 'conflict'> {
    const upload = this.#find(key, uploadId)
    if (upload === undefined) return 'gone'
    let sizeBytes = 0
    let last = 0
    for (const { partNumber, etag } of parts) {
      const part = upload.parts.get(partNumber)
      if (part?.etag !== etag || partNumber <= last) return 'invalid'
      sizeBytes += part.sizeBytes
      last = partNumber
    }
    if (last === 0) return 'invalid'
    this.uploads.delete(uploadId)
    return { rid: upload.rid, sizeBytes, headers: upload.headers }
  }

  abort(key: string, uploadId: string): void {
    if (this.#find(key, uploadId) !== undefined) this.uploads.delete(uploadId)
  }

  pending(key: string): readonly PendingMultipart[] {
    return [...this.uploads]
      .filter(([, upload]) => upload.key === key)
      .map(([uploadId, { initiatedMs }]) => ({ uploadId, initiatedMs }))
  }

  #find(key: string, uploadId: string): Upload | undefined {
    const upload = this.uploads.get(uploadId)
    return upload?.key === key ? upload : undefined
  }
}
