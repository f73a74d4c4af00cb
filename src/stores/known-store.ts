import { createChangeLog } from '../change-log.ts'
import { type CircuitBreaker, createCircuitBreaker } from '../circuit-breaker.ts'
import { type Clock, toTimestamp } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import { type CallSlots, createCallSlots } from './call-slots.ts'
import { createClockEstimate, type DatedAnswer } from './clock-estimate.ts'
import { createClockLog } from './clock-log.ts'
import type { Store } from './store.ts'
import type { StoreHealthOptions, StoreHealthView, Visit } from './store-health.ts'

/** While a store is away, one call tries it in its own time for a call, within these bounds. */
const TRIAL_MS = { least: 1_000, most: 10_000 }
/** The log says that it is back when nothing has failed for so long. */
const QUIET_MS = 30_000
const LOOK_EVERY_MS = 10_000

/** What this process knows of one store, and the turns of calls to it. */
export class KnownStore {
  readonly #name: string
  readonly #settings: string
  readonly #options: StoreHealthOptions
  readonly #stopwatch: Clock
  readonly #trialEveryMs: number
  readonly #breaker: CircuitBreaker
  readonly #slots: CallSlots
  readonly #clock = createClockEstimate()
  readonly #tellClock: (offsetMs: number) => void
  readonly #tellAway: ReturnType<typeof createChangeLog>
  #lastFailureMs: number | undefined
  /** By the stopwatch; absent while it answers. */
  #awaySinceMs: number | undefined
  #server: string | undefined
  #isLooking = false
  #lookedAtMs: number | undefined

  constructor(store: Store, options: StoreHealthOptions) {
    const { clock, log, stopwatch = clock, telemetry } = options
    const { name, timeoutMs, maxConcurrentCalls } = store
    this.#name = name
    this.#settings = settingsOf(store)
    this.#options = options
    this.#stopwatch = stopwatch
    this.#trialEveryMs = Math.min(Math.max(timeoutMs, TRIAL_MS.least), TRIAL_MS.most)
    this.#breaker = createCircuitBreaker({ clock: stopwatch, trialEveryMs: this.#trialEveryMs })
    this.#slots = createCallSlots({
      store: name,
      max: maxConcurrentCalls,
      onChange: (change) => telemetry?.storeCallsChanged({ store: name, ...change }),
    })
    this.#tellClock = createClockLog(log, name)
    const events = { began: 'store.away', ended: 'store.back', quietMs: QUIET_MS }
    this.#tellAway = createChangeLog({ clock: stopwatch, log, ...events })
  }

  /** Whether what is known is about this store, and within its bounds. */
  isFor(store: Store): boolean {
    return this.#settings === settingsOf(store)
  }

  view(): StoreHealthView {
    const { offsetMs, measuredAtMs } = this.#clock
    return {
      breaker: this.#breaker.state,
      inFlight: this.#slots.inFlight,
      waiting: this.#slots.waiting,
      ...(this.#lastFailureMs !== undefined && { lastFailureAt: toTimestamp(this.#lastFailureMs) }),
      ...(offsetMs !== undefined && { clockOffsetSeconds: Math.round(offsetMs / 1000) }),
      ...(measuredAtMs !== undefined && { clockMeasuredAt: toTimestamp(measuredAtMs) }),
    }
  }

  get isDown(): boolean {
    return this.#breaker.state === 'open'
  }

  get server(): string | undefined {
    return this.#server
  }

  get clockOffsetMs(): number | undefined {
    return this.#clock.offsetMs
  }

  get awayMs(): number | undefined {
    if (this.#awaySinceMs === undefined) return undefined
    return this.#stopwatch.nowMs() - this.#awaySinceMs
  }

  dated(answer: DatedAnswer): void {
    this.#clock.add(answer)
    const { offsetMs } = this.#clock
    if (offsetMs === undefined) return
    this.#tellClock(offsetMs)
    const store = this.#name
    this.#options.telemetry?.storeClockMeasured({ store, offsetSeconds: offsetMs / 1000 })
  }

  ended(failed: boolean): void {
    const before = this.#breaker.state
    if (failed) this.#breaker.failed()
    else this.#breaker.succeeded()
    const { state } = this.#breaker
    if (failed) this.#lastFailureMs = this.#options.clock.nowMs()
    if (state === 'open') this.#tellAway.failed({ store: this.#name })
    else if (!failed) this.#tellAway.worked({ store: this.#name })
    if (state === before) return
    this.#awaySinceMs = state === 'open' ? this.#stopwatch.nowMs() : undefined
    this.#options.telemetry?.storeBreakerMoved({ store: this.#name, state })
    // Nobody waits for a turn at a store that has just shown that it does not answer.
    if (state === 'open') this.#slots.refuseWaiting(() => this.#away())
  }

  async visit(call: { background: boolean; patienceMs: number }): Promise<Visit> {
    if (!this.#breaker.allow()) throw this.#away()
    const giveBack = await this.#slots.take(call).catch((error) => {
      if (error instanceof GatewayError && error.code === 'Overloaded') this.#refused('overload')
      throw error
    })
    let isOver = false
    return {
      dated: (answer) => this.dated(answer),
      named: (server) => {
        this.#server = server
      },
      ended: ({ failed }) => {
        if (isOver) return
        isOver = true
        this.ended(failed)
        giveBack()
      },
    }
  }

  assertAnswers(): void {
    if (!this.#breaker.wouldAllow) throw this.#away()
  }

  lookAgain(look: () => Promise<void>): void {
    const nowMs = this.#stopwatch.nowMs()
    const sinceMs = nowMs - (this.#lookedAtMs ?? Number.NEGATIVE_INFINITY)
    if (this.#isLooking || Math.abs(sinceMs) < LOOK_EVERY_MS) return
    this.#isLooking = true
    this.#lookedAtMs = nowMs
    const over = () => {
      this.#isLooking = false
    }
    look()
      .then(() => (this.#clock.isUnsure ? look() : undefined))
      .then(over, over)
  }

  #away(): GatewayError {
    this.#refused('away')
    const why = 'it has not answered lately'
    return new GatewayError('StoreUnavailable', `Cannot call the store: ${why}`, {
      retryAfterSeconds: Math.ceil(this.#trialEveryMs / 1000),
      facts: { store: this.#name, sent: false },
    })
  }

  #refused(why: 'away' | 'overload'): void {
    this.#options.telemetry?.storeCallRefused({ store: this.#name, why })
  }
}

function settingsOf({ endpoint, timeoutMs, maxConcurrentCalls }: Store): string {
  return JSON.stringify([endpoint, timeoutMs, maxConcurrentCalls])
}
