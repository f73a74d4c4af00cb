import type { Clock } from '../clock.ts'
import type { Hashing } from '../hashing.ts'
import type { Ledger } from '../ledger/port.ts'
import { subjectId } from '../ledger/subject-id.ts'
import { limitId } from '../limits/limit-id.ts'
import { STORE_POLICY, type StoreRoom } from '../limits/limit-set.ts'
import type { StateStore } from '../state/port.ts'
import type { Store } from '../stores/store.ts'
import { type ChunkViews, createChunks } from './capacity-chunks.ts'

/** A store, as far as its room is asked for. */
export type BoundedStore = Pick<Store, 'name' | 'capacityBytes'>

/** Bytes that would go to a store. */
export interface StoreDemand {
  readonly store: BoundedStore
  readonly bytes: number
}

/** A decision that a store's room alone refused. */
export interface RefusedRoom {
  readonly partition: number
  /** As it was decided on. */
  readonly room: StoreRoom
  /** Posted and pending, as the ledger found them. */
  readonly used: number
}

/**
 * What Signet may keep in each store (`Store.capacityBytes`): one more stored total in the ledger's own
 * decision, for each store and partition. Nothing here is asked for stores without a bound.
 */
export interface Capacity {
  /**
   * Whether a store was seen, within the last seconds, to have no room for so much in a partition. A hint, no
   * decision: false says nothing, and true may be out of date. No I/O; never throws.
   */
  isFull(
    store: BoundedStore,
    wanted: { readonly partition: number; readonly bytes: number },
  ): boolean
  /**
   * Resolves when `roomsFor` may be asked for these stores; `undefined`: at once, as nearly always. Throws
   * `LedgerUnavailable`.
   */
  ready(demands: readonly StoreDemand[]): Promise<void> | undefined
  /**
   * What a decision checks and charges, each store once; stores without a bound are left out. `looks`: what it
   * could come to, were room asked for.
   */
  roomsFor(
    demands: readonly StoreDemand[],
    partition: number,
    options?: { readonly looks?: boolean },
  ): readonly StoreRoom[]
  /**
   * Told of a decision that these alone refused. Those that are returned are full, and taken for full for some
   * seconds; where none is, there is more room by now, and it is worth one more decision. `insists`: also looks
   * where there was none some seconds ago. Throws `LedgerUnavailable`.
   */
  refused(
    rooms: readonly RefusedRoom[],
    options?: { readonly insists?: boolean },
  ): Promise<readonly RefusedRoom[]>
  /** The ledger's subject of a store in a partition. Throws `LedgerUnavailable` until the salt is known. */
  subjectOf(store: string, partition: number): string
  /** Id of the limit; the same for all stores. */
  readonly limitId: number
}

/** What a gateway has seen of the room in stores. Data alone: it may outlive a request on any runtime. */
export interface CapacityMemory {
  readonly views: ChunkViews
  /** By partition and store: what had no room, and until when that is believed. */
  readonly full: Map<string, { readonly bytes: number; readonly untilMs: number }>
}

/** A memory of nothing. */
export function newCapacityMemory(): CapacityMemory {
  return { views: new Map(), full: new Map() }
}

/** Of what room is made. */
export interface CapacityOptions {
  readonly ledger: Pick<Ledger, 'salt' | 'partitions'>
  /** Has how stores are divided among the partitions of a ledger that has several. */
  readonly state: StateStore
  readonly hashing: Hashing
  /** Measures how long ago something was seen; never steps back. */
  readonly stopwatch: Clock
  /** Default: a new one. */
  readonly memory?: CapacityMemory
  /** Waits before another try to write what others write too; see `createChunks`. */
  readonly pause?: (tries: number) => Promise<void>
  /** Told of each store that was full for something. */
  readonly onFull?: (store: string) => void
}

/** How long a store that refused is taken for full, in milliseconds. */
const FULL_MS = 2_000
const MAX_SUBJECTS = 10_000

/**
 * The room of stores. Where one partition has everything its bound is the store's, exactly; of several each has
 * a chunk of it, which grows as it is needed.
 */
export function createCapacity({
  ledger,
  state,
  hashing,
  stopwatch,
  memory = newCapacityMemory(),
  pause,
  onFull,
}: CapacityOptions): Capacity {
  const id = limitId(hashing, STORE_POLICY)
  const subjects = new Map<string, string>()
  const { full, views } = memory
  const division = { state, stopwatch, views, ...(pause !== undefined && { pause }) }
  const chunks = ledger.partitions > 1 ? createChunks(division) : undefined

  function subjectOf(store: string, partition: number): string {
    const name = nameOf(store, partition)
    const known = subjects.get(name)
    if (known !== undefined) return known
    // The partition is in it, so that one id is one counter, wherever reports put them together.
    const subject = subjectId(hashing, ledger.salt, 's', String(partition), store)
    if (subjects.size >= MAX_SUBJECTS) subjects.clear()
    subjects.set(name, subject)
    return subject
  }

  function isFull(
    { name, capacityBytes }: BoundedStore,
    { partition, bytes }: { readonly partition: number; readonly bytes: number },
  ): boolean {
    if (capacityBytes === undefined || full.size === 0) return false
    const seen = full.get(nameOf(name, partition))
    return seen !== undefined && bytes >= seen.bytes && stopwatch.nowMs() < seen.untilMs
  }

  /** Whether there is more of it by now. Only what was looked for is a reason not to look again for a while. */
  async function hasGrown(refused: RefusedRoom, insists: boolean): Promise<boolean> {
    const { partition, room } = refused
    const { store: name, capacityBytes, bytes } = room
    const store = { name, capacityBytes }
    if (chunks !== undefined) {
      if (!insists && isFull(store, { partition, bytes })) return false
      const found = await chunks.grow(store, refused)
      if (found === 'more') return true
      // Others were faster all the time: it is not known to be full.
      if (found === 'busy') return false
    }
    full.set(nameOf(name, partition), { bytes, untilMs: stopwatch.nowMs() + FULL_MS })
    return false
  }

  return {
    limitId: id,
    subjectOf,
    isFull,
    ready(demands) {
      if (chunks === undefined) return undefined
      const bounded = demands.filter(({ store }) => store.capacityBytes !== undefined)
      return bounded.length === 0 ? undefined : chunks.ready(bounded.map(({ store }) => store))
    },
    roomsFor(demands, partition, { looks = false } = {}) {
      const measure = looks ? chunks?.reach : chunks?.of
      const rooms = new Map<string, StoreRoom>()
      for (const { store, bytes } of demands) {
        const { name, capacityBytes } = store
        if (capacityBytes === undefined) continue
        const all = bytes + (rooms.get(name)?.bytes ?? 0)
        const limit = Math.min(capacityBytes, measure?.(store, partition) ?? capacityBytes)
        const subject = subjectOf(name, partition)
        rooms.set(name, { store: name, subject, limitId: id, bytes: all, limit, capacityBytes })
      }
      return [...rooms.values()]
    },
    async refused(rooms, { insists = false } = {}) {
      const grown = await Promise.all(rooms.map((room) => hasGrown(room, insists)))
      const still = rooms.filter((_, at) => grown[at] !== true)
      for (const { room } of still) onFull?.(room.store)
      return still
    },
  }
}

function nameOf(store: string, partition: number): string {
  return `${partition} ${store}`
}
