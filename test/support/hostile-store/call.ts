import type { Lie } from './lies.ts'
import type { MemoryBucket } from './memory-bucket.ts'
import { accessDenied, S3Error } from './s3-error.ts'

/** What a credential may do. Creating, sending and aborting parts are writes; listing is reading. */
export type Permission = 'read' | 'write' | 'delete' | 'manage'

/** A key pair of the store. */
export interface HostileCredential {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly may: readonly Permission[]
}

/** All that a store is. */
export interface World {
  readonly lies: ReadonlySet<Lie>
  readonly buckets: ReadonlyMap<string, MemoryBucket>
  readonly credentials: readonly HostileCredential[]
  readonly region: string
  nowMs(): number
  /** PUTs with If-None-Match that wait for another one: keys, and what lets them go. */
  readonly racing: Map<string, () => void>
}

/** A request as it came, before anything is believed. */
export interface Received {
  readonly method: string
  /** Path and query, byte for byte. */
  readonly target: string
  readonly bucketName: string
  /** Decoded; empty for the bucket itself. */
  readonly key: string
  /** Decoded, in order, duplicates and all. */
  readonly pairs: readonly (readonly [string, string])[]
  /** Lower-case names; values as UTF-8. */
  readonly headers: Readonly<Record<string, string | undefined>>
  body(): Promise<Buffer>
}

/** What is answered. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | string
}

/** One request under way, and what has been found out about it. */
export class Call {
  readonly world: World
  readonly received: Received
  /** Undefined: nobody signed it. */
  credential: HostileCredential | undefined
  /** Names of signed headers; of an anonymous request none. */
  signed: ReadonlySet<string> = new Set()
  /** A refusal that was overruled by a lie and is answered nevertheless. */
  refused: S3Error | undefined

  constructor(world: World, received: Received) {
    this.world = world
    this.received = received
  }

  lies(lie: Lie): boolean {
    return this.world.lies.has(lie)
  }

  /** Throws, unless the store tells one of these lies. */
  refuse(error: S3Error, ...forgiving: readonly Lie[]): void {
    if (!forgiving.some((lie) => this.lies(lie))) throw error
    if (this.lies('saysNo')) this.refused ??= error
  }

  header(name: string): string | undefined {
    return this.received.headers[name]
  }

  /** The first of this name; `undefined` when there is none. */
  query(name: string): string | undefined {
    return this.received.pairs.find(([other]) => other === name)?.[1]
  }

  get bucket(): MemoryBucket {
    const bucket = this.world.buckets.get(this.received.bucketName)
    if (bucket === undefined) {
      throw new S3Error(404, 'NoSuchBucket', 'The specified bucket does not exist')
    }
    return bucket
  }

  /** The key as this store keeps it. */
  get key(): string {
    return keptKey(this, this.received.key)
  }

  /** Throws unless the one who signed may do it. */
  demand(permission: Permission): void {
    const { may = [] } = this.credential ?? {}
    if (!may.includes(permission) && !may.includes('manage')) throw accessDenied()
  }
}

const MAX_KEY_BYTES = 1_024
const MAX_SHORT_KEY_BYTES = 255

/** A key as the store keeps it: as it came, but for lies about keys. */
export function keptKey(call: Call, key: string): string {
  const bytes = Buffer.byteLength(key)
  if (bytes > MAX_KEY_BYTES) throw new S3Error(400, 'KeyTooLongError', 'Your key is too long')
  if (bytes > MAX_SHORT_KEY_BYTES && call.lies('keysShort')) {
    throw new S3Error(500, 'InternalError', 'We encountered an internal error')
  }
  let kept = key
  if (call.lies('keysSlashes')) kept = kept.replaceAll(/\/+/g, '/')
  if (call.lies('keysComposed')) kept = kept.normalize('NFC')
  if (call.lies('keysPlus')) kept = kept.replaceAll('+', ' ')
  if (call.lies('keysPercent')) kept = kept.replaceAll(/%[2-7][0-9A-Fa-f]/g, decodeURIComponent)
  return kept
}
