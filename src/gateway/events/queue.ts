import type { Config } from '../../config/config.ts'
import { GatewayError } from '../../errors.ts'
import type { Logger } from '../../log.ts'
import type { StoreEvent } from '../../stores/events/store-event.ts'
import type { Telemetry } from '../../telemetry.ts'
import { createEventLane, type EventLane } from './lane.ts'
import { createEventMemory } from './memory.ts'
import { placesOfEvent } from './places.ts'
import type { EventHint, EventOutcome } from './settle-by-event.ts'

/** Where events wait to be looked after: bounded, and in this process alone. */
export interface EventQueue {
  /** Whether a store's next delivery may find room; false: it need not even be read. */
  hasRoom(store: string): boolean
  /**
   * Takes a whole delivery of a store, or nothing of it: then it throws `Overloaded`. What is taken is
   * looked after later; what is lost here (by a stop, or a store that stays away) the sweeper settles.
   */
  take(store: string, events: readonly StoreEvent[]): void
  /**
   * Takes nothing any more, and waits until what was taken is looked after: `drainMs` at most, or until
   * `hurry`. What is under way is always waited for. Repeating it is safe.
   */
  stop(drainMs: number, hurry?: Promise<unknown>): Promise<void>
}

export interface EventQueueOptions {
  /** The configuration in force: it changes when a store is probed. */
  readonly config: () => Pick<Config, 'buckets' | 'stores'>
  readonly log: Logger
  readonly telemetry: Pick<Telemetry, 'eventHandled'>
  /** Looks where an event points. */
  readonly settle: (store: string, hint: EventHint) => Promise<EventOutcome>
  /** Events that may wait, of all stores that send any: each has an equal share. Default 10,000. */
  readonly capacity?: number
  /** First pause after a store gave no answer, in milliseconds; it doubles. Default 500. */
  readonly pauseMs?: number
}

const CAPACITY = 10_000
/** A delivery may hold so many, and one must fit into an empty share. */
const SMALLEST_SHARE = 1_000
/** Seconds after which a store may deliver again what found no room. */
const RETRY_AFTER_SECONDS = 5
/** Longest ticket that is kept with an event, in characters: a store may join some of them to a list. */
const MAX_TICKETS = 4_096

/** Makes an empty queue. It does nothing until it is given something. */
export function createEventQueue(options: EventQueueOptions): EventQueue {
  const { telemetry, log } = options
  const lanes = new Map<string, EventLane>()
  const memory = createEventMemory()
  let stopped = false

  function shareOf(): number {
    const { stores } = options.config()
    const senders = [...stores.values()].filter(({ events }) => events !== undefined).length
    const share = Math.floor((options.capacity ?? CAPACITY) / Math.max(1, senders))
    return Math.max(Math.min(SMALLEST_SHARE, options.capacity ?? CAPACITY), share)
  }

  function laneOf(store: string): EventLane {
    const known = lanes.get(store)
    if (known !== undefined) return known
    const count = (outcome: 'settled' | 'ignored' | 'failed', reason: string, events = 1) =>
      telemetry.eventHandled({ store, outcome, reason, events })
    const { settle, pauseMs = 500 } = options
    const lane = createEventLane({
      store,
      log,
      count,
      pauseMs,
      settle: (hint) => settle(store, hint),
    })
    lanes.set(store, lane)
    return lane
  }

  /** Why nothing is to be done about an event, as far as it tells itself; undefined: it has to wait. */
  function reasonToIgnore(store: string, event: StoreEvent): string | undefined {
    if (event.type === 'other') return 'other'
    // As a DELETE through the gateway: bytes are not credited where versions are kept.
    if (event.type === 'removed' && event.versionId !== undefined) return 'versioned'
    const found = placesOfEvent(options.config(), store, event)
    return 'notOurs' in found ? found.notOurs : memory.reasonToIgnore(store, event)
  }

  return {
    hasRoom: (store) => !stopped && laneOf(store).size < shareOf(),
    take(store, events) {
      const ignored: string[] = []
      const waiting: StoreEvent[] = []
      for (const event of events) {
        const reason = reasonToIgnore(store, event)
        if (reason === undefined) waiting.push(event)
        else ignored.push(reason)
      }
      const lane = laneOf(store)
      const needed = waiting.filter((event) => !lane.waits(hintOf(event))).length
      if (stopped || lane.size + needed > shareOf()) {
        telemetry.eventHandled({ store, outcome: 'refused', reason: 'full', events: events.length })
        throw full()
      }
      for (const event of waiting) {
        // Two of one delivery may be the same, too.
        const reason = memory.reasonToIgnore(store, event)
        if (reason !== undefined) ignored.push(reason)
        else {
          memory.remember(store, event)
          lane.add(hintOf(event))
        }
      }
      for (const reason of ignored) {
        telemetry.eventHandled({ store, outcome: 'ignored', reason, events: 1 })
      }
    },
    async stop(drainMs, hurry) {
      stopped = true
      await Promise.all([...lanes.values()].map((lane) => lane.stop(drainMs, hurry)))
    },
  }
}

/** What has to be kept of an event while it waits. */
function hintOf({ bucket, keys, type, ticket }: StoreEvent): EventHint {
  const hasTicket = ticket !== undefined && ticket.length <= MAX_TICKETS
  return { bucket, keys, type, ...(hasTicket && { ticket }) }
}

function full(): GatewayError {
  return new GatewayError('Overloaded', 'Cannot take the events: too many are waiting', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  })
}
