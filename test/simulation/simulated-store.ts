import { GatewayError } from '../../src/errors.ts'
import { placedKey } from '../../src/stores/object-url.ts'
import type {
  CompleteOutcome,
  HeadResult,
  ObjectPlace,
  PartToComplete,
  StoreClient,
} from '../../src/stores/store-client.ts'
import { NO_MULTIPART } from '../support/no-multipart.ts'
import type { Circumstances, Faults } from './faults.ts'
import type { Life } from './ledger-link.ts'
import type { Form, Put } from './read-grant.ts'
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

/** How an object came, and what the store was to find there. */
export interface Arrival {
  readonly replaced: StoredObject | undefined
  /** By `If-Match`, `If-None-Match`, or a Complete with the latter; else whatever is there goes. */
  readonly conditional: boolean
}

/** Sees what becomes of objects. */
export interface StoreWatch {
  stored(key: string, object: StoredObject, arrival: Arrival): void
  removed(key: string, object: StoredObject): void
  /** A gateway has ended an upload of parts; `listed`: it knew of it from the store alone. */
  aborted(uploadId: string, listed: boolean): void
}

const TIMEOUT_MS = 5_000

/**
 * A store that keeps its promises: conditions, signed sizes and expiry, one object a key, all of a
 * body or nothing, reads after writes. Its network and its answers are what fails.
 */
export class SimulatedStore {
  readonly objects = new Map<string, StoredObject>()
  /** Reservations whose objects have been there, now or before. */
  readonly landed = new Set<string>()
  /** Uploads in parts that are pending; a client sends its parts here. */
  readonly multiparts: SimulatedMultiparts
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
    this.multiparts = new SimulatedMultiparts(options.circumstances.partsLinger)
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
    this.#store(put, put.headers['if-none-match'] === '*' || match !== undefined)
    return 200
  }

  /** The last byte of a form's file has come; a form has no conditions but its range of sizes. */
  finishForm(form: Form, sizeBytes: number): 201 | 400 {
    if (sizeBytes < form.minBytes || sizeBytes > form.sizeBytes) return 400
    this.#store({ ...form, sizeBytes }, false)
    return 201
  }

  #store({ rid, key, sizeBytes, headers }: Omit<Put, 'urlExpMs'>, conditional: boolean): void {
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
    this.#watch.stored(key, object, { replaced: there, conditional })
  }

  /** Removes an object past all gateways, as an operator does with one that nobody is charged for. */
  discard({ key, rid }: Pick<Put, 'key' | 'rid'>): void {
    const there = this.objects.get(key)
    if (there?.rid !== rid) return
    this.objects.delete(key)
    this.#watch.removed(key, there)
  }

  /** The calls of one gateway. */
  clientOf(life: Life): StoreClient {
    const listed = new Set<string>()
    return {
      ...NO_MULTIPART,
      head: (place) => this.#call(life, () => this.#head(place)),
      // Its gateways sign for a store that refuses every unsigned header: none of them looks.
      acl: async () => 'private',
      remove: (place) => this.#call(life, () => this.#remove(place)),
      headBucket: () => this.#call(life, () => undefined),
      list: () => this.#call(life, () => ({ objects: [] })),
      createMultipart: (place, headers) =>
        this.#call(life, () => this.multiparts.create(keyOf(place), headers, this.nowMs())),
      listParts: (place, uploadId) =>
        this.#call(life, () => this.multiparts.list(keyOf(place), uploadId)),
      completeMultipart: (place, request) =>
        this.#call(life, () => this.#complete(keyOf(place), request)),
      abortMultipart: (place, uploadId) =>
        this.#call(life, () => {
          this.#watch.aborted(uploadId, listed.has(uploadId))
          this.multiparts.abort(keyOf(place), uploadId)
        }),
      listMultiparts: (place) =>
        this.#call(life, () => {
          const pending = this.multiparts.pending(keyOf(place))
          for (const { uploadId } of pending) listed.add(uploadId)
          return pending
        }),
    }
  }

  #complete(
    key: string,
    request: { uploadId: string; parts: readonly PartToComplete[]; writeOnce: boolean },
  ): CompleteOutcome {
    if (request.writeOnce && this.objects.has(key)) return 'conflict'
    const joined = this.multiparts.join(key, request.uploadId, request.parts)
    if (typeof joined === 'string') return joined
    this.#store({ key, ...joined }, request.writeOnce)
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

function keyOf(place: ObjectPlace): string {
  return `${place.placement.bucket}/${placedKey(place)}`
}
