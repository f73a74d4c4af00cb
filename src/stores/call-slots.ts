import { GatewayError } from '../errors.ts'

/** Keeps calls to a store few enough for both sides. */
export interface CallSlots {
  /**
   * Waits for a turn, at most `patienceMs`, and answers what gives it back, once. Throws `Overloaded`
   * when none comes, and at once when too many wait.
   */
  take(call: { readonly background: boolean; readonly patienceMs: number }): Promise<() => void>
  /** Ends the waiting of all, with an error. */
  refuseWaiting(errorOf: () => GatewayError): void
  /** Turns that are taken. */
  readonly inFlight: number
  readonly waiting: number
}

export interface CallSlotsOptions {
  readonly store: string
  /** Calls at once, 1 and up. */
  readonly max: number
  /** Told of each change of how many run and wait. */
  readonly onChange: (change: { readonly inFlight: number; readonly waiting: number }) => void
}

interface Waiter {
  readonly begin: () => void
  readonly refuse: (error: GatewayError) => void
}

/** Calls that may wait, for each one that may run. */
const WAITING_PER_SLOT = 10

/**
 * First come, first served, and who waits for an answer comes before what nobody waits for: that may
 * take half of the turns and half of the waiting list, and never less than one turn in two when only
 * one is to be had, so that neither keeps the other away for good.
 */
export function createCallSlots({ store, max, onChange }: CallSlotsOptions): CallSlots {
  const foreground = {
    waiters: new Set<Waiter>(),
    inFlight: 0,
    max,
    maxWaiting: max * WAITING_PER_SLOT,
  }
  const half = Math.max(1, Math.floor(max / 2))
  const background = {
    waiters: new Set<Waiter>(),
    inFlight: 0,
    max: half,
    maxWaiting: half * WAITING_PER_SLOT,
  }
  type Lane = typeof foreground
  let backgroundWasLast = false

  const inFlight = () => foreground.inFlight + background.inFlight
  const waiting = () => foreground.waiters.size + background.waiters.size
  const isFree = (lane: Lane) => inFlight() < max && lane.inFlight < lane.max

  function begin(lane: Lane): () => void {
    lane.inFlight += 1
    backgroundWasLast = lane === background
    onChange({ inFlight: 1, waiting: 0 })
    let isTaken = true
    return () => {
      if (!isTaken) return
      isTaken = false
      lane.inFlight -= 1
      onChange({ inFlight: -1, waiting: 0 })
      beginWaiting()
    }
  }

  function beginWaiting(): void {
    for (let lane = nextLane(); lane !== undefined; lane = nextLane()) {
      const [next] = lane.waiters
      next?.begin()
    }
  }

  function nextLane(): Lane | undefined {
    const isWaiting = (lane: Lane) => lane.waiters.size > 0 && isFree(lane)
    const isTurn = background.inFlight === 0 && !backgroundWasLast
    if (isWaiting(background) && (isTurn || !isWaiting(foreground))) return background
    return isWaiting(foreground) ? foreground : undefined
  }

  function wait(lane: Lane, patienceMs: number): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        lane.waiters.delete(waiter)
        clearTimeout(timer)
        onChange({ inFlight: 0, waiting: -1 })
      }
      const waiter: Waiter = {
        begin() {
          leave()
          resolve(begin(lane))
        },
        refuse(error) {
          leave()
          reject(error)
        },
      }
      const timer = setTimeout(() => {
        waiter.refuse(overloaded(store, 'no turn came in time'))
      }, patienceMs)
      lane.waiters.add(waiter)
      onChange({ inFlight: 0, waiting: 1 })
    })
  }

  return {
    async take({ background: isBackground, patienceMs }) {
      const lane = isBackground ? background : foreground
      if (lane.waiters.size === 0 && isFree(lane)) return begin(lane)
      if (lane.waiters.size >= lane.maxWaiting) throw overloaded(store, 'too many calls wait')
      return wait(lane, patienceMs)
    },
    refuseWaiting(errorOf) {
      for (const waiter of [...foreground.waiters, ...background.waiters]) waiter.refuse(errorOf())
    },
    get inFlight() {
      return inFlight()
    },
    get waiting() {
      return waiting()
    },
  }
}

function overloaded(store: string, why: string): GatewayError {
  const facts = { store, sent: false }
  return new GatewayError('Overloaded', `Cannot call the store: ${why}`, { facts })
}
