import type {
  CompleteOutcome,
  ListedPart,
  PartToComplete,
  PendingMultipart,
} from '../../src/stores/store-client.ts'
import type { Part } from './read-grant.ts'

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
  /** Parts of which some bytes are still to come. */
  inFlight: number
  /** Aborted while parts were under way: it goes with the last of them, unless that one stays. */
  aborted: boolean
}

/** The pending multipart uploads of a simulated store, by keys as the store knows them. */
export class SimulatedMultiparts {
  readonly uploads = new Map<string, Upload>()
  /** Uploads that were ever made. */
  made = 0
  #etags = 0
  readonly #lingers: boolean

  /** `lingers`: parts under way outlive an abort, as S3 says that they may. */
  constructor(lingers: boolean) {
    this.#lingers = lingers
  }

  create(key: string, headers: ReadonlyMap<string, string>, initiatedMs: number): string {
    this.made += 1
    const uploadId = `upload-${this.made}`
    const upload = { key, headers: Object.fromEntries(headers), initiatedMs, rid: '' }
    this.uploads.set(uploadId, { ...upload, parts: new Map(), inFlight: 0, aborted: false })
    return uploadId
  }

  /** The first byte of a part has come; 404 when there is no such upload. */
  begin({ key, uploadId }: Part): 100 | 404 {
    const upload = this.#find(key, uploadId)
    if (upload === undefined || upload.aborted) return 404
    upload.inFlight += 1
    return 100
  }

  /** The last byte of a part has come, or the connection broke before; 404 after the upload's end. */
  end({ rid, key, uploadId, partNumber, sizeBytes }: Part, complete: boolean): 200 | 404 {
    const upload = this.#find(key, uploadId)
    if (upload === undefined) return 404
    upload.inFlight -= 1
    if (complete) {
      this.#etags += 1
      upload.rid = rid
      upload.parts.set(partNumber, { partNumber, sizeBytes, etag: `"part-${this.#etags}"` })
    }
    if (!upload.aborted) return 200
    // "Might or might not succeed" (S3 API, AbortMultipartUpload): every other one does.
    if (this.#etags % 2 === 0) upload.parts.clear()
    this.#forgetIfEmpty(uploadId, upload)
    return 404
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
    if (upload === undefined || upload.aborted) return 'gone'
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
    const upload = this.#find(key, uploadId)
    if (upload === undefined) return
    upload.parts.clear()
    upload.aborted = true
    if (!this.#lingers) upload.inFlight = 0
    this.#forgetIfEmpty(uploadId, upload)
  }

  pending(key: string): readonly PendingMultipart[] {
    return [...this.uploads]
      .filter(([, upload]) => upload.key === key)
      .map(([uploadId, { initiatedMs }]) => ({ uploadId, initiatedMs }))
  }

  #forgetIfEmpty(uploadId: string, { inFlight, parts }: Upload): void {
    if (inFlight <= 0 && parts.size === 0) this.uploads.delete(uploadId)
  }

  #find(key: string, uploadId: string): Upload | undefined {
    const upload = this.uploads.get(uploadId)
    return upload?.key === key ? upload : undefined
  }
}
