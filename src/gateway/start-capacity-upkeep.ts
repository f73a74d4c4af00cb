import { monotonicClock } from '../clock.ts'
import type { GatewayContext } from './context.ts'
import { startRounds } from './start-rounds.ts'
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
  const memory = newTendingMemory()
  return startRounds(context, {
    name: 'capacity',
    quietMs: QUIET_MS,
    restAfterFailureMs: everyMs,
    async round() {
      await tendCapacity(context, { memory, stopwatch })
      return everyMs
    },
  })
}
