import type { Clock } from '../clock.ts'
import type { StateStore } from '../state/port.ts'
import type { BoundedStore, RefusedRoom } from './capacity.ts'
import {
  type Allotment,
  allotmentText,
  freeBytes,
  parseAllotment,
  takeChunk,
  UNDIVIDED,
} from './capacity-allotment.ts'

/** How a store was divided, and when that was asked for. */
interface View {
  readonly allotment: Allotment
  readonly readAtMs: number
}

/** By store. Data alone, so that it may outlive the request that read it, on any runtime. */
export type ChunkViews = Map<string, View>

/** Chunks of the partitions of one ledger, as far as this gateway knows them. */
export interface Chunks {
  /** Resolves when the chunks of all these can be decided on; `undefined`: they can. Throws `LedgerUnavailable`. */
  ready(stores: readonly BoundedStore[]): Promise<void> | undefined
  /** What a partition may admit by, in bytes; 0 for one that has never had any. */
  of(store: BoundedStore, partition: number): number
  /** What it could admit by if it asked for all that nobody has, in bytes. */
  reach(store: BoundedStore, partition: number): number
  /** Looks for more room than was refused. Throws `LedgerUnavailable`. */
  grow(store: BoundedStore, refused: RefusedRoom): Promise<Found>
}

/**
 * Whether there is more room, though others of the same partition may have taken it since, or none. `busy`: others
 * wrote all the time.
 */
export type Found = 'more' | 'none' | 'busy'

/** How a store is divided, and the version to write over. */
export interface StoredAllotment {
  readonly allotment: Allotment
  readonly version: number
}

/**
 * No decision goes by an older view, in milliseconds: chunks that were made smaller are given to others when
 * three times as much has passed (`tend-capacity.ts`).
 */
export const MAX_VIEW_MS = 10_000
/** A view as old as this is read anew beside the request that needs it. */
const REFRESH_MS = 5_000
/** Writes of one pull, beside those of other gateways: half a second at most with the pauses. */
const MAX_TRIES = 12
const MAX_PAUSE_MS = 64

interface Waiting {
  readonly refused: RefusedRoom
  readonly store: BoundedStore
  readonly settle: (found: Promise<Found>) => void
}

/**
 * Chunks in documents of the state store. Reads none while a chunk has room and its view is young. All who wait
 * for room in a store at a time get it by one write.
 */
export function createChunks({
  state,
  stopwatch,
  views,
  pause = pauseAtRandom,
}: {
  readonly state: StateStore
  /** Measures how old a view is; never steps back. */
  readonly stopwatch: Clock
  readonly views: ChunkViews
  /** Waits after so many writes that others were faster than. Default: longer each time, at random. */
  readonly pause?: (tries: number) => Promise<void>
}): Chunks {
  const reading = new Map<string, Promise<void>>()
  const queues = new Map<string, Waiting[]>()

  async function read(store: string): Promise<StoredAllotment> {
    // From before the question: so a view is never older than it seems.
    const readAtMs = stopwatch.nowMs()
    const stored = await readAllotment(state, store)
    remember(store, { allotment: stored.allotment, readAtMs })
    return stored
  }

  /** Answers may come in another order than their questions. */
  function remember(store: string, view: View): void {
    if ((views.get(store)?.readAtMs ?? Number.NEGATIVE_INFINITY) <= view.readAtMs) {
      views.set(store, view)
    }
  }

  function refresh(store: string): Promise<void> {
    const running = reading.get(store)
    if (running !== undefined) return running
    const started = read(store)
      .then(() => {})
      .finally(() => reading.delete(store))
    reading.set(store, started)
    return started
  }

  function ageMs(store: string): number {
    const view = views.get(store)
    return view === undefined ? Number.POSITIVE_INFINITY : stopwatch.nowMs() - view.readAtMs
  }

  async function drain(name: string, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) {
      const some = queue.splice(0)
      const grown = growFor(some)
      for (const [at, { settle }] of some.entries()) {
        settle(grown.then((each) => each[at] ?? 'none'))
      }
      await grown.catch(() => {})
    }
    queues.delete(name)
  }

  async function growFor(some: readonly Waiting[]): Promise<Found[]> {
    const [{ store }] = some as [Waiting]
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const { allotment, version } = await read(store.name)
      const { next, found } = takeAll(allotment, some)
      if (next === allotment) return found
      const readAtMs = stopwatch.nowMs()
      if (await writeAllotment(state, store.name, { allotment: next, version })) {
        remember(store.name, { allotment: next, readAtMs })
        return found
      }
      await pause(tries + 1)
    }
    return some.map(() => 'busy')
  }

  return {
    ready(stores) {
      const old: string[] = []
      for (const { name } of stores) {
        const age = ageMs(name)
        if (age >= MAX_VIEW_MS) old.push(name)
        // Whoever asks when it is too old is told what is wrong.
        else if (age >= REFRESH_MS) refresh(name).catch(() => {})
      }
      return old.length === 0 ? undefined : Promise.all(old.map(refresh)).then(() => {})
    },
    of: ({ name }, partition) => views.get(name)?.allotment.chunks.get(partition) ?? 0,
    reach({ name, capacityBytes = 0 }, partition) {
      const view = views.get(name)
      if (view === undefined) return 0
      const { chunks, returns } = view.allotment
      const own = (chunks.get(partition) ?? 0) + (returns.get(partition)?.bytes ?? 0)
      return own + Math.max(0, freeBytes(view.allotment, capacityBytes))
    },
    grow(store, refused) {
      const { name } = store
      return new Promise((settle) => {
        const queue = queues.get(name)
        if (queue !== undefined) {
          queue.push({ refused, store, settle })
          return
        }
        const started = [{ refused, store, settle }]
        queues.set(name, started)
        void drain(name, started)
      })
    },
  }
}

/** What one write gives to all who wait, in their order: to those it is for, and to nobody more than there is. */
function takeAll(
  allotment: Allotment,
  some: readonly Waiting[],
): { readonly next: Allotment; readonly found: Found[] } {
  let next = allotment
  const levels = new Map<number, number>()
  for (const { refused } of some) {
    levels.set(refused.partition, Math.max(refused.used, levels.get(refused.partition) ?? 0))
  }
  const found = some.map(({ refused, store: { capacityBytes = 0 } }): Found => {
    const { partition } = refused
    const wanted = (levels.get(partition) ?? 0) + refused.room.bytes
    const bytes = wanted - (next.chunks.get(partition) ?? 0)
    const taken = bytes <= 0 ? next : takeChunk(next, { partition, bytes, capacityBytes })
    if (taken === undefined) return 'none'
    next = taken
    levels.set(partition, wanted)
    return 'more'
  })
  return { next, found }
}

function pauseAtRandom(tries: number): Promise<void> {
  const ms = Math.random() * Math.min(2 ** tries, MAX_PAUSE_MS)
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

/** How a store is divided now. Throws `LedgerUnavailable`. */
export async function readAllotment(
  state: Pick<StateStore, 'get'>,
  store: string,
): Promise<StoredAllotment> {
  const document = await state.get(nameOf(store))
  if (document === undefined) return { allotment: UNDIVIDED, version: 0 }
  return { allotment: parseAllotment(document.value), version: document.version }
}

/** Writes over the version that was read; false: it is another one by now. Throws `LedgerUnavailable`. */
export async function writeAllotment(
  state: Pick<StateStore, 'put'>,
  store: string,
  { allotment, version }: StoredAllotment,
): Promise<boolean> {
  const value = allotmentText(allotment)
  return (await state.put({ name: nameOf(store), value, ifVersion: version })) !== undefined
}

function nameOf(store: string): string {
  return `store-capacity/${store}`
}
