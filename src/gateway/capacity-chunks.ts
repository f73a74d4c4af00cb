import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { StateStore } from '../state/port.ts'
import type { BoundedStore, RefusedRoom } from './capacity.ts'
import {
  type Allotment,
  allotmentText,
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
  of(store: string, partition: number): number
  /** Whether there is more room than it was refused by, or some that others of the same kind may have taken since. */
  grow(store: BoundedStore, refused: RefusedRoom): Promise<boolean>
}

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
/** Writes of one pull, beside those of other gateways. */
const MAX_TRIES = 10

interface Waiting {
  readonly refused: RefusedRoom
  readonly store: BoundedStore
  readonly settle: (grew: Promise<boolean>) => void
}

/**
 * Chunks in documents of the state store. Reads none while a chunk has room and its view is young. All who wait
 * for the same chunk at a time get it by one write.
 */
export function createChunks({
  state,
  stopwatch,
  views,
}: {
  readonly state: StateStore
  /** Measures how old a view is; never steps back. */
  readonly stopwatch: Clock
  readonly views: ChunkViews
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

  async function drain(name: string, queue: Waiting[], partition: number): Promise<void> {
    while (queue.length > 0) {
      const some = queue.splice(0)
      const grown = growFor(some, partition)
      for (const [at, { settle }] of some.entries()) {
        settle(grown.then((each) => each[at] ?? false))
      }
      await grown.catch(() => {})
    }
    queues.delete(name)
  }

  async function growFor(some: readonly Waiting[], partition: number): Promise<boolean[]> {
    const [{ store }] = some as [Waiting]
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const { allotment, version } = await read(store.name)
      const { next, grew } = takeAll(allotment, some, partition)
      if (next === allotment) return grew
      const readAtMs = stopwatch.nowMs()
      if (await writeAllotment(state, store.name, { allotment: next, version })) {
        remember(store.name, { allotment: next, readAtMs })
        return grew
      }
    }
    throw new GatewayError('Overloaded', 'Cannot ask for room in a store: too many do')
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
    of: (store, partition) => views.get(store)?.allotment.chunks.get(partition) ?? 0,
    grow(store, refused) {
      const { partition } = refused
      const name = `${partition} ${store.name}`
      return new Promise((settle) => {
        const queue = queues.get(name)
        if (queue !== undefined) {
          queue.push({ refused, store, settle })
          return
        }
        const started = [{ refused, store, settle }]
        queues.set(name, started)
        void drain(name, started, partition)
      })
    },
  }
}

/** What one write gives to all who wait, in their order: to those it is for, and to nobody more than there is. */
function takeAll(
  allotment: Allotment,
  some: readonly Waiting[],
  partition: number,
): { readonly next: Allotment; readonly grew: boolean[] } {
  let next = allotment
  let level = Math.max(...some.map(({ refused }) => refused.used))
  const grew = some.map(({ refused, store: { capacityBytes = 0 } }) => {
    const wanted = level + refused.room.bytes
    const bytes = wanted - (next.chunks.get(partition) ?? 0)
    const taken = bytes <= 0 ? next : takeChunk(next, { partition, bytes, capacityBytes })
    if (taken === undefined) return false
    next = taken
    level = wanted
    return true
  })
  return { next, grew }
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
