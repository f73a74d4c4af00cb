import { GatewayError } from '../../errors.ts'
import type { Logger } from '../../log.ts'
import type { EventHint, EventOutcome } from './settle-by-event.ts'

/** The events of one store that wait to be looked after. */
export interface EventLane {
  /** Events that wait or are being looked after, the same counted once. */
  readonly size: number
  /** Whether the same waits already: then adding it takes no place. */
  waits(hint: EventHint): boolean
  add(hint: EventHint): void
  /** See `EventQueue.stop`. */
  stop(drainMs: number, hurry?: Promise<unknown>): Promise<void>
}

export interface EventLaneOptions {
  readonly store: string
  readonly log: Logger
  readonly count: (
    outcome: 'settled' | 'ignored' | 'failed',
    reason: string,
    events?: number,
  ) => void
  readonly settle: (hint: EventHint) => Promise<EventOutcome>
  /** First pause after a failure, in milliseconds; it doubles. */
  readonly pauseMs: number
}

/** Objects of one store that are looked after at once. */
const OBJECTS_AT_ONCE = 8
/** Failures in a row that tell an absent store from an object that it cannot show. */
const FAILURES_TO_PAUSE = 3
/** Looks at one object without an answer while others have one; then it is left to the sweeper. */
const MAX_LOOKS = 4
/** Pauses in a row after which all that waits is left to the sweeper: some 32 s by default. */
const MAX_PAUSES = 6

/** Events of one object: they are looked after one by one, in the order in which they came. */
interface WaitingObject {
  readonly hints: Map<string, EventHint>
  looks: number
}

/**
 * Looks after the events of a store, several objects at once and never two events of one object. When the
 * store or the ledger gives no answer it pauses, longer each time, then tries a single one; in the end it
 * gives up what waits.
 */
export function createEventLane({
  store,
  log,
  count,
  settle,
  pauseMs,
}: EventLaneOptions): EventLane {
  const waiting = new Map<string, WaitingObject>()
  const underWay = new Map<string, Promise<void>>()
  let size = 0
  let failures = 0
  let pauses = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let stopped = false
  let whenEmpty: (() => void) | undefined

  function startSome(): void {
    const most = pauses > 0 ? 1 : OBJECTS_AT_ONCE
    for (const [object, work] of waiting) {
      if (stopped || timer !== undefined || underWay.size >= most) break
      if (underWay.has(object)) continue
      waiting.delete(object)
      const looking = lookAfter(object, work, pauses).finally(() => {
        underWay.delete(object)
        startSome()
      })
      underWay.set(object, looking)
    }
    if (size === 0) whenEmpty?.()
  }

  /** `seenPauses`: how many there were when it began, so that a burst that fails is one failure. */
  async function lookAfter(object: string, work: WaitingObject, seenPauses: number): Promise<void> {
    for (const [name, hint] of work.hints) {
      try {
        const { outcome, reason } = await settle(hint)
        count(outcome, reason)
        failures = 0
        pauses = 0
      } catch (error) {
        failed(object, work, { error, seenPauses })
        return
      }
      work.hints.delete(name)
      size -= 1
    }
  }

  function failed(
    object: string,
    work: WaitingObject,
    { error, seenPauses }: { readonly error: unknown; readonly seenPauses: number },
  ): void {
    const isAway = error instanceof GatewayError && error.status === 503
    if (!isAway) log.error('event.failed', { store, error })
    // Of a store that is away, an object is not to blame.
    if (pauses === 0) work.looks += 1
    if (isAway && work.looks < MAX_LOOKS && !stopped) again(object, work)
    else giveUp(work, isAway ? 'no-answer' : 'error')
    if (!isAway || seenPauses !== pauses || timer !== undefined || stopped) return
    failures += 1
    if (pauses > 0 || failures >= FAILURES_TO_PAUSE) pause(error)
  }

  /** Back into the queue, behind all others; what came for it meanwhile comes after what it had. */
  function again(object: string, work: WaitingObject): void {
    const later = waiting.get(object)
    waiting.delete(object)
    for (const [name, hint] of later?.hints ?? []) {
      if (work.hints.has(name)) size -= 1
      else work.hints.set(name, hint)
    }
    waiting.set(object, work)
  }

  function giveUp({ hints }: WaitingObject, reason: string): void {
    count('failed', reason, hints.size)
    size -= hints.size
    hints.clear()
  }

  function giveUpAll(reason: string): void {
    for (const work of waiting.values()) giveUp(work, reason)
    waiting.clear()
  }

  function pause(error: unknown): void {
    pauses += 1
    // Of the store, or of the ledger: the code says whose.
    const code = error instanceof GatewayError ? error.code : undefined
    if (pauses === 1) log.warn('event.no_answer', { store, code, error })
    if (pauses > MAX_PAUSES) {
      log.warn('event.given_up', { store, events: size })
      giveUpAll('store-away')
      pauses = 0
      return
    }
    timer = setTimeout(
      () => {
        timer = undefined
        startSome()
      },
      pauseMs * 2 ** (pauses - 1),
    )
  }

  return {
    get size() {
      return size
    },
    waits: (hint) => waiting.get(objectOf(hint))?.hints.has(nameOf(hint)) === true,
    add(hint) {
      const object = objectOf(hint)
      const name = nameOf(hint)
      const work = waiting.get(object) ?? { hints: new Map<string, EventHint>(), looks: 0 }
      if (!work.hints.has(name)) size += 1
      work.hints.set(name, hint)
      waiting.set(object, work)
      startSome()
    },
    async stop(drainMs, hurry) {
      await until({ drainMs, hurry, isOver: () => size === 0 }, (done) => {
        whenEmpty = done
      })
      stopped = true
      clearTimeout(timer)
      timer = undefined
      if (size > 0) log.info('event.left', { store, events: size })
      giveUpAll('stopped')
      await Promise.all(underWay.values())
      giveUpAll('stopped')
    },
  }
}

function objectOf({ bucket, keys }: EventHint): string {
  return JSON.stringify([bucket, ...keys])
}

/** What tells two events of one object apart: a look for an arrival finds whatever has arrived. */
function nameOf({ type, ticket = '' }: EventHint): string {
  return type === 'removed' ? `removed ${ticket}` : type
}

/** Waits until something is over, for so long at most, or until there is a hurry. */
async function until(
  wait: {
    readonly drainMs: number
    readonly hurry: Promise<unknown> | undefined
    readonly isOver: () => boolean
  },
  onOver: (done: () => void) => void,
): Promise<void> {
  if (wait.isOver()) return
  let timer: ReturnType<typeof setTimeout> | undefined
  const over = new Promise<void>((resolve) => {
    onOver(resolve)
    timer = setTimeout(resolve, wait.drainMs)
  })
  await Promise.race([over, ...(wait.hurry === undefined ? [] : [wait.hurry])])
  clearTimeout(timer)
}
