import { createChangeLog } from '../change-log.ts'
import { type CircuitBreaker, createCircuitBreaker } from '../circuit-breaker.ts'
import { type Clock, toTimestamp } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import { type CallSlots, createCallSlots } from './call-slots.ts'
import { createClockEstimate, type DatedAnswer } from './clock-estimate.ts'
import { createClockLog } from './clock-log.ts'
import type { Store } from './store.ts'
import type {
  StoreCheckView,
  StoreHealthOptions,
  StoreHealthView,
  Visit,
  VisitOptions,
} from './store-health.ts'

/** While a store is away, one call tries it in its own time for a call, within these bounds. */
const TRIAL_MS = { least: 1_000, most: 10_000 }
/** The log says that it is back when nothing has failed for so long, and then no failure counts any more. */
const QUIET_MS = 30_000
/** That a store is away is known for so long; then it is as good as any, until a call fails again. */
const STALE_MS = 60_000
const LOOK_EVERY_MS = 10_000

interface KnownStoreOptions extends StoreHealthOptions {
  /** Told of each call that fails while the store counts as there. */
  readonly onTrouble: (storeName: string) => void
}

interface CheckEnd {
  readonly failed: boolean
  readonly status: number | undefined
  readonly tookMs: number
}

/** What this process knows of one store, and the turns of calls to it. */
export class KnownStore {
  readonly #name: string
  readonly #settings: string
  readonly #options: KnownStoreOptions
  readonly #stopwatch: Clock
  readonly #trialEveryMs: number
  readonly #breaker: CircuitBreaker
  readonly #slots: CallSlots
  readonly #clock = createClockEstimate()
  readonly #tellClock: (offsetMs: number) => void
  readonly #tellAway: ReturnType<typeof createChangeLog>
  #lastFailureMs: number | undefined
  #lastAnswerMs: number | undefined
  #lastCheck: StoreCheckView | undefined
  #timesDown = 0
  #downSinceMs: number | undefined
  /** By the stopwatch, as all that follow; absent while it answers. */
  #awaySinceMs: number | undefined
  #answeredAtMs: number | undefined
  #failedAtMs: number | undefined
  /** When a call failed that was no check; absent once one of them was answered. */
  #callFailedAtMs: number | undefined
  #server: string | undefined
  #isLooking = false
  #lookedAtMs: number | undefined

  constructor(store: Store, options: KnownStoreOptions) {
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
      timesDown: this.#timesDown,
      ...timesOf({
        downSince: this.#downSinceMs,
        lastAnswerAt: this.#lastAnswerMs,
        lastFailureAt: this.#lastFailureMs,
      }),
      ...(this.#lastCheck !== undefined && { lastCheck: this.#lastCheck }),
      ...(offsetMs !== undefined && { clockOffsetSeconds: Math.round(offsetMs / 1000) }),
      ...(measuredAtMs !== undefined && { clockMeasuredAt: toTimestamp(measuredAtMs) }),
    }
  }

  get isDown(): boolean {
    if (this.#breaker.state === 'closed') return false
    // Nothing goes to a store that is down, so where nobody looks at it nothing would ever show that it is back.
    const failedAgoMs = this.#agoMs(this.#failedAtMs)
    return failedAgoMs !== undefined && failedAgoMs < STALE_MS
  }

  get server(): string | undefined {
    return this.#server
  }

  get clockOffsetMs(): number | undefined {
    return this.#clock.offsetMs
  }

  get isClockUnsure(): boolean {
    return this.#clock.isUnsure
  }

  get awayMs(): number | undefined {
    return this.#agoMs(this.#awaySinceMs)
  }

  get answeredAgoMs(): number | undefined {
    return this.#agoMs(this.#answeredAtMs)
  }

  dated(answer: DatedAnswer): void {
    this.#clock.add(answer)
    const { offsetMs } = this.#clock
    if (offsetMs === undefined) return
    this.#tellClock(offsetMs)
    const store = this.#name
    this.#options.telemetry?.storeClockMeasured({ store, offsetSeconds: offsetMs / 1000 })
  }

  ended({ failed, isCheck }: { failed: boolean; isCheck: boolean }): void {
    const before = this.#breaker.state
    const { clock, onTrouble } = this.#options
    if (failed) this.#breaker.failed()
    // A bucket that answers does not make up for objects that do not: their failures count on.
    else if (!isCheck || before === 'open' || !this.#hasFailedCall()) this.#breaker.succeeded()
    if (failed) {
      this.#lastFailureMs = clock.nowMs()
      this.#failedAtMs = this.#stopwatch.nowMs()
    } else {
      this.#lastAnswerMs = clock.nowMs()
      this.#answeredAtMs = this.#stopwatch.nowMs()
    }
    if (!isCheck) this.#callFailedAtMs = failed ? this.#stopwatch.nowMs() : undefined
    this.#tell(before, failed)
    if (failed && !isCheck && this.#breaker.state === 'closed') onTrouble(this.#name)
  }

  async visit({ isCheck = false, ...call }: VisitOptions): Promise<Visit> {
    if (!isCheck && !this.#breaker.allow()) throw this.#away()
    const giveBack = await this.#slots.take(call).catch((error) => {
      if (error instanceof GatewayError && error.code === 'Overloaded') this.#refused('overload')
      throw error
    })
    const beganMs = this.#stopwatch.nowMs()
    let isOver = false
    return {
      dated: (answer) => this.dated(answer),
      named: (server) => {
        this.#server = server
      },
      ended: ({ failed, status }) => {
        if (isOver) return
        isOver = true
        if (failed !== undefined) {
          if (isCheck) this.#checked({ failed, status, tookMs: this.#stopwatch.nowMs() - beganMs })
          this.ended({ failed, isCheck })
        }
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

  #tell(before: CircuitBreaker['state'], failed: boolean): void {
    const store = this.#name
    const { telemetry, clock } = this.#options
    const { state } = this.#breaker
    if (state === 'open') this.#tellAway.failed({ store })
    else if (!failed) this.#tellAway.worked({ store })
    telemetry?.storeSeen({ store, up: state === 'closed' })
    if (state === before) return
    const isDown = state === 'open'
    if (isDown) this.#timesDown += 1
    this.#awaySinceMs = isDown ? this.#stopwatch.nowMs() : undefined
    this.#downSinceMs = isDown ? clock.nowMs() : undefined
    telemetry?.storeBreakerMoved({ store, state })
    // Nobody waits for a turn at a store that has just shown that it does not answer.
    if (isDown) this.#slots.refuseWaiting(() => this.#away())
  }

  #checked({ failed, status, tookMs }: CheckEnd): void {
    const outcome = failed ? 'failed' : 'answered'
    this.#lastCheck = {
      at: toTimestamp(this.#options.clock.nowMs()),
      outcome,
      ...(status !== undefined && { status }),
      tookMs: Math.round(tookMs),
    }
    this.#options.telemetry?.storeChecked({ store: this.#name, outcome, durationMs: tookMs })
  }

  #hasFailedCall(): boolean {
    const agoMs = this.#agoMs(this.#callFailedAtMs)
    return agoMs !== undefined && agoMs < QUIET_MS
  }

  #agoMs(atMs: number | undefined): number | undefined {
    return atMs === undefined ? undefined : this.#stopwatch.nowMs() - atMs
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

/** As on the wire, those that are known. */
function timesOf<Name extends string>(
  times: Readonly<Record<Name, number | undefined>>,
): Partial<Record<Name, string>> {
  const known = Object.entries<number | undefined>(times).flatMap(([name, atMs]) =>
    atMs === undefined ? [] : [[name, toTimestamp(atMs)]],
  )
  return Object.fromEntries(known)
}
