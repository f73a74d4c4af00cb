import { GatewayError } from '../../src/errors.ts'
import type { GatewayContext } from '../../src/gateway/context.ts'
import { type EventHint, settleByEvent } from '../../src/gateway/events/settle-by-event.ts'
import type { Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { StoredObject, StoreWatch } from './simulated-store.ts'

const HOUR_MS = 3_600_000
/** Of all events. */
const SHARE_LOST = 0.1
const SHARE_DOUBLED = 0.15
const SHARE_LATE = 0.1
/** Looks at one event without an answer; then it is given up, as the queue does. */
const MAX_LOOKS = 3

/** What looks after an event: the real thing, or one with a defect. */
export type ByEvent = typeof settleByEvent

/** One delivery to one of the gateways: `undefined` when that dies meanwhile. */
export type Deliver = (
  use: (context: GatewayContext) => Promise<unknown>,
) => Promise<unknown> | undefined

/**
 * Sends the events of a store: at least once as a rule, in no order, some never, some hours late, to
 * whichever gateway is there. Passes on what it sees.
 */
export class StoreEvents implements StoreWatch {
  readonly #watch: StoreWatch
  readonly #scheduler: Scheduler
  readonly #random: SeededRandom
  readonly #deliver: Deliver
  readonly #byEvent: ByEvent
  readonly #broken: (error: unknown) => void

  constructor(options: {
    watch: StoreWatch
    scheduler: Scheduler
    random: SeededRandom
    deliver: Deliver
    byEvent?: ByEvent | undefined
    /** Told of an error that nobody made for a caller. */
    broken: (error: unknown) => void
  }) {
    this.#watch = options.watch
    this.#scheduler = options.scheduler
    this.#random = options.random
    this.#deliver = options.deliver
    this.#byEvent = options.byEvent ?? settleByEvent
    this.#broken = options.broken
  }

  stored(...[key, object, arrival]: Parameters<StoreWatch['stored']>): void {
    this.#watch.stored(key, object, arrival)
    this.send('created', key, ticketOf(object))
  }

  removed(key: string, object: StoredObject): void {
    this.#watch.removed(key, object)
    this.send('removed', key, ticketOf(object))
  }

  aborted(uploadId: string, listed: boolean): void {
    this.#watch.aborted(uploadId, listed)
  }

  /** Sends an event, whether or not it is true. */
  send(type: EventHint['type'], storedKey: string, ticket: string): void {
    const random = this.#random
    const slash = storedKey.indexOf('/')
    const keys = [storedKey.slice(slash + 1)]
    const hint: EventHint = { type, bucket: storedKey.slice(0, slash), keys, ticket }
    if (random.chance(SHARE_LOST)) return
    const times = random.chance(SHARE_DOUBLED) ? 2 : 1
    for (let time = 0; time < times; time += 1) {
      const late = random.chance(SHARE_LATE)
      const delayMs = late ? random.fraction() * 3 * HOUR_MS : random.wait(500)
      this.#scheduler.after(delayMs, () => this.#look(hint, MAX_LOOKS))
    }
  }

  #look(hint: EventHint, left: number): void {
    const again = (error: unknown) => {
      const isAway = error instanceof GatewayError && error.status === 503
      if (!isAway) return this.#broken(error)
      if (left === 0) return
      this.#scheduler.after(this.#random.wait(2_000), () => this.#look(hint, left - 1))
    }
    this.#deliver((context) => this.#byEvent(context, 'main', hint))?.catch(again)
  }
}

function ticketOf({ metadata }: StoredObject): string {
  return metadata.get('signet') ?? ''
}
