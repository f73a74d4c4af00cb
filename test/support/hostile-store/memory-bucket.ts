import { createHash, randomUUID } from 'node:crypto'

/** What was put under a key, or that it was deleted in a bucket with versions. */
export interface StoredObject {
  readonly body: Buffer
  /** In quotes. */
  readonly etag: string
  /** Lower-case names: type, the ordinary ones, `x-amz-meta-*` and what S3 echoes. */
  readonly headers: ReadonlyMap<string, string>
  /** As in `x-amz-tagging`. */
  readonly tags: string
  /** `private`, `public-read` and their kin. */
  readonly acl: string
  readonly versionId?: string
  readonly modifiedMs: number
  readonly isMarker?: true
}

/** A part that arrived. */
export interface StoredPart {
  readonly body: Buffer
  readonly etag: string
}

/** An upload in parts that was begun. */
export interface PendingUpload {
  readonly key: string
  readonly initiatedMs: number
  readonly parts: Map<number, StoredPart>
  /** What the object will have. */
  readonly kept: Pick<StoredObject, 'headers' | 'tags' | 'acl'>
  aborted: boolean
}

/** A bucket in memory. */
export class MemoryBucket {
  readonly versioned: boolean
  /** All versions by key, the latest at the end; one where there are no versions. */
  readonly objects = new Map<string, StoredObject[]>()
  readonly uploads = new Map<string, PendingUpload>()
  /** The body of PUT ?cors. */
  cors: string | undefined

  constructor({
    versioned = false,
    cors,
  }: { versioned?: boolean; cors?: string | undefined } = {}) {
    this.versioned = versioned
    this.cors = cors
  }

  /** What is under a key now, or was as this version. */
  find(key: string, versionId?: string): StoredObject | undefined {
    const versions = this.objects.get(key) ?? []
    if (versionId !== undefined) return versions.find((one) => one.versionId === versionId)
    const latest = versions.at(-1)
    return latest?.isMarker === true ? undefined : latest
  }

  put(key: string, object: Omit<StoredObject, 'versionId'>): StoredObject {
    const stored = this.versioned ? { ...object, versionId: randomUUID() } : object
    const before = this.versioned ? (this.objects.get(key) ?? []) : []
    this.objects.set(key, [...before, stored])
    return stored
  }

  /** Deletes, or marks as deleted; answers the marker. */
  remove(key: string, nowMs: number, versionId?: string): StoredObject | undefined {
    if (versionId !== undefined) {
      const left = (this.objects.get(key) ?? []).filter((one) => one.versionId !== versionId)
      if (left.length === 0) this.objects.delete(key)
      else this.objects.set(key, left)
      return undefined
    }
    if (!this.versioned) {
      this.objects.delete(key)
      return undefined
    }
    const nothing = {
      body: Buffer.alloc(0),
      etag: '',
      headers: new Map(),
      tags: '',
      acl: 'private',
    }
    return this.put(key, { ...nothing, modifiedMs: nowMs, isMarker: true })
  }

  /** How many uploads in parts were begun, and neither completed nor aborted. */
  get pendingUploads(): number {
    return [...this.uploads.values()].filter(({ aborted }) => !aborted).length
  }

  /** Keys that are there, by their bytes. */
  keys(): string[] {
    const there = [...this.objects.keys()].filter((key) => this.find(key) !== undefined)
    return there.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  }
}

/** MD5 in hexadecimal. */
export function md5Of(...bodies: readonly Buffer[]): string {
  const digest = createHash('md5')
  for (const body of bodies) digest.update(body)
  return digest.digest('hex')
}
