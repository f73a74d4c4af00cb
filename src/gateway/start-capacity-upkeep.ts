import { createChangeLog } from '../change-log.ts'
import { monotonicClock } from '../clock.ts'
import type { GatewayContext } from './context.ts'
import { newTendingMemory, tendCapacity } from './tend-capacity.ts'

/** From one round to the next, in milliseconds. */
const EVERY_MS = 20_000
/** Upkeep works again when nothing has failed for so long, in milliseconds. */
const QUIET_MS = 60_000

/**
 * Looks after the room of stores, again and again; the first round is at once. The log is told when it cannot,
 * and when it can again. Returns what stops it: it resolves when the round under way is done.
 */
export function startCapacityUpkeep(
  context: GatewayContext,
  { everyMs = EVERY_MS, stopwatch = monotonicClock } = {},
): () => Promise<void> {
  const { clock, log } = context
  const events = { began: 'capacity.failed', ended: 'capacity.working', quietMs: QUIET_MS }
  const changes = createChangeLog({ clock, log, ...events })
  const memory = newTendingMemory()
  let stopped = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let underWay: Promise<void> = Promise.resolve()

  async function round(): Promise<void> {
    try {
      await tendCapacity(context, { memory, stopwatch })
      changes.worked()
    } catch (error) {
      changes.failed({ error })
    }
    next(everyMs)
  }

  function next(restMs: number): void {
    if (stopped) return
    timer = setTimeout(() => {
      underWay = round()
    }, restMs)
  }

  next(0)
  return async () => {
    stopped = true
    clearTimeout(timer)
    await underWay
  }
}
