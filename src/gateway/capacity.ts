import type { Clock } from '../clock.ts'
import type { Hashing } from '../hashing.ts'
import type { Ledger } from '../ledger/port.ts'
import { subjectId } from '../ledger/subject-id.ts'
import { limitId } from '../limits/limit-id.ts'
import { STORE_POLICY, type StoreRoom } from '../limits/limit-set.ts'
import type { Store } from '../stores/store.ts'

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
  /** What a decision checks and charges, each store once; stores without a bound are left out. */
  roomsFor(demands: readonly StoreDemand[], partition: number): readonly StoreRoom[]
  /**
   * Told of a decision that these alone refused. True: there is more room by now, and it is worth one more
   * decision. False: those stores are full, and are for some seconds.
   */
  refused(rooms: readonly RefusedRoom[]): Promise<boolean>
  /** The ledger's subject of a store in a partition. Throws `LedgerUnavailable` until the salt is known. */
  subjectOf(store: string, partition: number): string
  /** Id of the limit; the same for all stores. */
  readonly limitId: number
}

/** How long a store that refused is taken for full, in milliseconds. */
const FULL_MS = 5_000
const MAX_SUBJECTS = 10_000

/** Of what room is made. */
export interface CapacityOptions {
  readonly ledger: Pick<Ledger, 'salt' | 'partitions'>
  readonly hashing: Hashing
  /** Measures how long ago a store was full; never steps back. */
  readonly stopwatch: Clock
}

/** The room of stores where one partition has all of it: its bound is the store's, exactly. */
export function createCapacity({ ledger, hashing, stopwatch }: CapacityOptions): Capacity {
  const id = limitId(hashing, STORE_POLICY)
  const subjects = new Map<string, string>()
  /** By store and partition: what had no room, and until when that is believed. */
  const full = new Map<string, { readonly bytes: number; readonly untilMs: number }>()

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

  return {
    limitId: id,
    subjectOf,
    isFull({ name, capacityBytes }, { partition, bytes }) {
      if (capacityBytes === undefined) return false
      const seen = full.get(nameOf(name, partition))
      return seen !== undefined && bytes >= seen.bytes && stopwatch.nowMs() < seen.untilMs
    },
    roomsFor(demands, partition) {
      const rooms = new Map<string, StoreRoom>()
      for (const { store, bytes } of demands) {
        const { name, capacityBytes: limit } = store
        if (limit === undefined) continue
        const all = bytes + (rooms.get(name)?.bytes ?? 0)
        const subject = subjectOf(name, partition)
        rooms.set(name, { store: name, subject, limitId: id, bytes: all, limit })
      }
      return [...rooms.values()]
    },
    async refused(rooms) {
      const untilMs = stopwatch.nowMs() + FULL_MS
      for (const { partition, room } of rooms) {
        full.set(nameOf(room.store, partition), { bytes: room.bytes, untilMs })
      }
      return false
    },
  }
}

function nameOf(store: string, partition: number): string {
  return `${partition} ${store}`
}
