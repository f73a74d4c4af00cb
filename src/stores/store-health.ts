import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Telemetry } from '../telemetry.ts'
import type { DatedAnswer } from './clock-estimate.ts'
import { KnownStore } from './known-store.ts'
import type { Store } from './store.ts'

/** How a store does, as this process has seen it. */
export interface StoreHealthView {
  /** Open: the store did not answer some times in a row, and calls fail at once. */
  readonly breaker: 'closed' | 'open'
  /** Calls of the gateway that are under way. */
  readonly inFlight: number
  /** Calls that wait for their turn. */
  readonly waiting: number
  /** How often it was found to be away since this process has known it. */
  readonly timesDown: number
  /** Since when it has been away; absent while it answers. */
  readonly downSince?: string
  /** When it answered last, whatever it said. */
  readonly lastAnswerAt?: string
  /** When the last call stayed without an answer. */
  readonly lastFailureAt?: string
  /** The last look that was taken for its own sake. */
  readonly lastCheck?: StoreCheckView
  /** The store's clock minus ours, to about a second; absent while nobody has looked. */
  readonly clockOffsetSeconds?: number
  readonly clockMeasuredAt?: string
}

/** A look at a store that was taken to see whether it answers. */
export interface StoreCheckView {
  readonly at: string
  readonly outcome: 'answered' | 'failed'
  /** What it answered; absent where there was no answer. */
  readonly status?: number
  /** Without the wait for a turn, in whole milliseconds. */
  readonly tookMs: number
}

/** What one request has shown of a store. */
export interface SeenAnswer {
  /** The answer's `Date`, where it had one that is a date. */
  readonly dateMs?: number | undefined
  readonly sentAtMs: number
  readonly receivedAtMs: number
  /** True: no answer, or one that says that the store is away. */
  readonly failed: boolean
}

/** One call that may be made, until it has ended. */
export interface Visit {
  /** An answer has begun; how it ends is told later. */
  dated(answer: DatedAnswer): void
  /** What a usable answer says that the server is: its `Server` header, or nothing. */
  named(server: string): void
  /** The call is over; only the first time counts. Without `failed` it was given up, and shows nothing. */
  ended(how: { readonly failed?: boolean; readonly status?: number }): void
}

/** How a call takes its turn. */
export interface VisitOptions {
  /** Nobody waits for its answer. */
  readonly background: boolean
  readonly patienceMs: number
  /**
   * It looks whether the store answers: it may call one that is away, too, and its answer does not make up for
   * calls that have just failed.
   */
  readonly isCheck?: boolean
}

/** What is known of how the stores do, by name, and what follows for the gateway's own calls. */
export interface StoreHealth {
  of(storeName: string): StoreHealthView
  /**
   * Whether new objects had better go elsewhere: its breaker is open, and a call has failed within the last minute.
   * Takes no turn, also not where one call may try; false of a store that nobody has called.
   */
  isDown(storeName: string): boolean
  /** The store's clock minus ours, in milliseconds; absent while nobody has looked. */
  clockOffsetMs(storeName: string): number | undefined
  /** What the last usable answer said that the server is; empty where it says nothing. */
  serverOf(storeName: string): string | undefined
  /** Two answers in a row tell whether its clock was set, and one has come. */
  isClockUnsure(storeName: string): boolean
  /** How long the store has not answered, in milliseconds; absent while it does. */
  awayMs(storeName: string): number | undefined
  /** How long ago it answered last, in milliseconds; absent while it never has. */
  answeredAgoMs(storeName: string): number | undefined
  /** Tells of each call that fails while the store still counts as there. Returns what ends that. */
  onTrouble(listener: (storeName: string) => void): () => void
  /** Takes what a request has shown that was not made by `visit`: one of a probe. */
  answered(store: Store, seen: SeenAnswer): void
  /**
   * Waits until a call may be made, at most `patienceMs`. Throws `StoreUnavailable` while the store does not answer, and
   * `Overloaded` when too many calls wait for it; nothing was sent then (`isUnsent`).
   */
  visit(store: Store, call: VisitOptions): Promise<Visit>
  /**
   * Takes the settings of all stores as they are from now on. One at another address, or with another
   * bound on calls, is as if nobody had seen it; calls under way end by what they began with.
   */
  reconfigure(stores: Iterable<Store>): void
  /** Throws what `visit` would throw of a store that does not answer, and takes no turn. */
  assertAnswers(store: Store): void
  /**
   * Runs `look`, which calls the store, unless it has run in the last ten seconds or is running; its
   * errors are dropped. Twice, when the clock that it shows is another one than before.
   */
  lookAgain(store: Store, look: () => Promise<void>): void
}

export interface StoreHealthOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly telemetry?: Telemetry
  /** Measures pauses. Default `clock`. */
  readonly stopwatch?: Clock
}

const UNSEEN: StoreHealthView = { breaker: 'closed', inFlight: 0, waiting: 0, timesDown: 0 }

/** Starts without knowing anything of any store. */
export function createStoreHealth(options: StoreHealthOptions): StoreHealth {
  const stores = new Map<string, KnownStore>()
  const listeners = new Set<(storeName: string) => void>()
  const onTrouble = (storeName: string) => {
    for (const listener of listeners) listener(storeName)
  }
  const known = (store: Store): KnownStore => {
    const before = stores.get(store.name)
    if (before !== undefined) return before
    const first = new KnownStore(store, { ...options, onTrouble })
    stores.set(store.name, first)
    return first
  }
  return {
    of: (storeName) => stores.get(storeName)?.view() ?? UNSEEN,
    isDown: (storeName) => stores.get(storeName)?.isDown ?? false,
    clockOffsetMs: (storeName) => stores.get(storeName)?.clockOffsetMs,
    serverOf: (storeName) => stores.get(storeName)?.server,
    isClockUnsure: (storeName) => stores.get(storeName)?.isClockUnsure ?? false,
    awayMs: (storeName) => stores.get(storeName)?.awayMs,
    answeredAgoMs: (storeName) => stores.get(storeName)?.answeredAgoMs,
    onTrouble(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    answered(store, { dateMs, failed, ...times }) {
      if (dateMs !== undefined) known(store).dated({ dateMs, ...times })
      known(store).ended({ failed, isCheck: false })
    },
    visit: (store, call) => known(store).visit(call),
    reconfigure(configured) {
      const named = new Map(Array.from(configured, (store) => [store.name, store]))
      for (const [name, known] of stores) {
        const store = named.get(name)
        if (store === undefined) stores.delete(name)
        else if (!known.isFor(store))
          stores.set(name, new KnownStore(store, { ...options, onTrouble }))
      }
    },
    assertAnswers: (store) => stores.get(store.name)?.assertAnswers(),
    lookAgain: (store, look) => known(store).lookAgain(look),
  }
}

/** True of an error that says that a store was not even called. */
export function isUnsent(error: unknown): boolean {
  return error instanceof GatewayError && error.details.facts?.sent === false
}
