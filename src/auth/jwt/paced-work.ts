import type { Clock } from '../../clock.ts'

/** Longest that a request waits for work that goes on without it, in milliseconds. */
const WAIT_MS = 800
/** Requests that wait at once; more are answered without. */
const MAX_WAITING = 100

export interface PacedWorkOptions {
  readonly clock: Clock
  /** Rest after a start until the next one, in milliseconds. */
  readonly cooldownMs: () => number
  /** True when it has done what it should; never throws. */
  readonly work: () => Promise<boolean>
  /** Default 800. */
  readonly waitMs?: number | undefined
}

/** Work that many ask for: it runs once at a time, and not again before a cooldown is over. */
export interface PacedWork {
  /** The run under way, or a new one where it may be; `undefined` where none may. Never rejects. */
  start(): Promise<void> | undefined
  /** Starts it as well, and waits for its end, but never long. False where there was nothing to wait for. */
  wait(): Promise<boolean>
  /** The last run has failed, or the one under way has not ended yet. */
  readonly isUncertain: boolean
}

/** Time passes by the clock, but for waiting, which is by the machine's timers. */
export function createPacedWork({
  clock,
  cooldownMs,
  work,
  waitMs = WAIT_MS,
}: PacedWorkOptions): PacedWork {
  let startedAtMs: number | undefined
  let hasFailed = false
  let underWay: Promise<void> | undefined
  let waiting = 0

  async function run(): Promise<void> {
    hasFailed = !(await work())
    underWay = undefined
  }

  function start(): Promise<void> | undefined {
    if (underWay !== undefined) return underWay
    const nowMs = clock.nowMs()
    if (startedAtMs !== undefined && !isPast(nowMs - startedAtMs, cooldownMs())) return undefined
    startedAtMs = nowMs
    underWay = run()
    return underWay
  }

  return {
    start,
    async wait() {
      const running = waiting < MAX_WAITING ? start() : undefined
      if (running === undefined) return false
      waiting += 1
      await untilDoneOr(waitMs, running)
      waiting -= 1
      return true
    },
    get isUncertain() {
      return hasFailed || underWay !== undefined
    },
  }
}

/** True when so long is over. A clock that was set back must not put off what waits for it. */
export function isPast(ageMs: number, ms: number): boolean {
  return ageMs >= ms || ageMs < 0
}

async function untilDoneOr(ms: number, running: Promise<void>): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  await Promise.race([running, over])
  clearTimeout(timer)
}
