import { GatewayError } from '../../src/errors.ts'
import { placedKey } from '../../src/stores/object-url.ts'
import type {
  CompleteOutcome,
  HeadResult,
  ObjectPlace,
  PartToComplete,
  StoreClient,
} from '../../src/stores/store-client.ts'
import type { Circumstances, Faults } from './faults.ts'
import type { Life } from './ledger-link.ts'
import type { Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'
import { SimulatedMultiparts } from './simulated-multiparts.ts'

/** An object at rest, as its upload made it. */
export interface StoredObject {
  /** Reservation that it came by. */
  readonly rid: string
  readonly sizeBytes: number
  readonly etag: string
  readonly metadata: ReadonlyMap<string, string>
}

/** What a client sends with a grant, read from the grant itself. */
export interface Put {
  readonly rid: string
  readonly key: string
  readonly sizeBytes: number
  /** From the URL: until when, by the store's own clock, a transfer may begin. */
  readonly urlExpMs: number
  readonly headers: Readonly<Record<string, string>>
}

/** Sees what becomes of objects. */
export interface StoreWatch {
  stored(key: string, object: StoredObject, replaced: StoredObject | undefined): void
  removed(key: string, object: StoredObject): void
}

const TIMEOUT_MS = 5_000
const HOST_LENGTH = 'https://store.test'.length

/**
 * A store that keeps its promises: conditions, signed sizes and expiry, one object a key, all of a
 * body or nothing, reads after writes. Its network and its answers are what fails.
 */
export class SimulatedStore {
  readonly objects = new Map<string, StoredObject>()
  /** Reservations whose objects have been there, now or before. */
  readonly landed = new Set<string>()
  /** Uploads in parts that are pending; a client sends its parts here. */
  readonly multiparts = new SimulatedMultiparts()
  #etags = 0
  readonly #scheduler: Scheduler
  readonly #random: SeededRandom
  readonly #faults: () => Faults
  readonly #circumstances: Circumstances
  readonly #watch: StoreWatch

  constructor(options: {
    scheduler: Scheduler
    random: SeededRandom
    faults: () => Faults
    circumstances: Circumstances
    watch: StoreWatch
  }) {
    this.#scheduler = options.scheduler
    this.#random = options.random
    this.#faults = options.faults
    this.#circumstances = options.circumstances
    this.#watch = options.watch
  }

  /** The store's own clock. */
  nowMs(): number {
    return this.#scheduler.nowMs + this.#circumstances.storeSkewMs
  }

  /** Whether a transfer may begin now. */
  accepts({ urlExpMs }: Pick<Put, 'urlExpMs'>): boolean {
    return this.nowMs() <= urlExpMs
  }

  /** The last byte has come: the object is there, or a condition refuses it. */
  finish(put: Put): 200 | 412 {
    const there = this.objects.get(put.key)
    if (put.headers['if-none-match'] === '*' && there !== undefined) return 412
    const match = put.headers['if-match']
    if (match !== undefined && there?.etag !== match) return 412
    this.#store(put)
    return 200
  }

  #store({ rid, key, sizeBytes, headers }: Omit<Put, 'urlExpMs'>): void {
    const there = this.objects.get(key)
    this.#etags += 1
    const object: StoredObject = {
      rid,
      sizeBytes,
      etag: `"${this.#etags}"`,
      metadata: new Map([['signet', headers['x-amz-meta-signet'] ?? '']]),
    }
    this.objects.set(key, object)
    this.landed.add(rid)
    this.#watch.stored(key, object, there)
  }

  /** Removes an object past all gateways, as an operator does with one that nobody is charged for. */
  discard({ key, rid }: Put): void {
    const there = this.objects.get(key)
    if (there?.rid !== rid) return
    this.objects.delete(key)
    this.#watch.removed(key, there)
  }

  /** The calls of one gateway. */
  clientOf(life: Life): StoreClient {
    return {
      head: (place) => this.#call(life, () => this.#head(place)),
      remove: (place) => this.#call(life, () => this.#remove(place)),
      list: () => this.#call(life, () => ({ objects: [] })),
      createMultipart: (place, headers) =>
        this.#call(life, () => this.multiparts.create(keyOf(place), headers, this.nowMs())),
      listParts: (place, uploadId) =>
        this.#call(life, () => this.multiparts.list(keyOf(place), uploadId)),
      completeMultipart: (place, request) =>
        this.#call(life, () => this.#complete(keyOf(place), request)),
      abortMultipart: (place, uploadId) =>
        this.#call(life, () => this.multiparts.abort(keyOf(place), uploadId)),
      listMultiparts: (place) => this.#call(life, () => this.multiparts.pending(keyOf(place))),
    }
  }

  #complete(
    key: string,
    request: { uploadId: string; parts: readonly PartToComplete[]; writeOnce: boolean },
  ): CompleteOutcome {
    if (request.writeOnce && this.objects.has(key)) return 'conflict'
    const joined = this.multiparts.join(key, request.uploadId, request.parts)
    if (typeof joined === 'string') return joined
    this.#store({ key, ...joined })
    return 'completed'
  }

  #head(place: ObjectPlace): HeadResult {
    const found = this.objects.get(keyOf(place))
    const date = this.#circumstances.storeSendsDate
      ? { storeNowMs: Math.floor(this.nowMs() / 1000) * 1000 }
      : {}
    if (found === undefined) return { found: false, ...date }
    const { sizeBytes, etag, metadata } = found
    return { found: true, contentType: 'image/jpeg', sizeBytes, etag, metadata, ...date }
  }

  #remove(place: ObjectPlace): void {
    const key = keyOf(place)
    const there = this.objects.get(key)
    if (there === undefined) return
    this.objects.delete(key)
    this.#watch.removed(key, there)
  }

  #call<T>(life: Life, execute: () => T): Promise<T> {
    const random = this.#random
    const { storeFails, storeSlow } = this.#faults()
    const fails = random.chance(storeFails)
    const towardsMs = random.wait(random.chance(storeSlow) ? 1_500 : 5)
    const backMs = fails && random.chance(0.5) ? TIMEOUT_MS : random.wait(5)
    return new Promise((resolve, reject) => {
      this.#scheduler.after(towardsMs, () => {
        const executed = !fails || random.chance(0.5)
        const result = executed ? execute() : undefined
        this.#scheduler.after(backMs, () => {
          if (!life.alive) return
          if (fails) reject(new GatewayError('StoreUnavailable', 'Cannot reach the store: 503'))
          else resolve(result as T)
        })
      })
    })
  }
}

/** Reads a grant as a client does. */
export function putOf(rid: string, sizeBytes: number, url: string, headers: Put['headers']): Put {
  const date = /[?&]X-Amz-Date=(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(url)
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (date ?? [])
    .slice(1)
    .map(Number)
  const expires = Number(/[?&]X-Amz-Expires=(\d+)/.exec(url)?.[1])
  const signedAtMs = Date.UTC(year, month - 1, day, hour, minute, second)
  const key = url.slice(HOST_LENGTH + 1, url.indexOf('?'))
  return { rid, key, sizeBytes, urlExpMs: signedAtMs + expires * 1000, headers }
}

function keyOf(place: ObjectPlace): string {
  return `${place.placement.bucket}/${placedKey(place)}`
}
