import type { GatewayContext } from './context.ts'
import { startRounds } from './start-rounds.ts'
import { sweep } from './sweep.ts'

const PAUSE_MS = 2_000
const PAUSE_AFTER_FAILURE_MS = 10_000
/** The sweeper works again when nothing has failed for so long, in milliseconds. */
const QUIET_MS = 30_000

/**
 * Sweeps again and again, with a pause when there was nothing to do; the log is told when it cannot,
 * and when it can again. Returns what stops it: it resolves when the sweep under way is done.
 */
export function startSweeper(
  context: GatewayContext,
  { pauseMs = PAUSE_MS, pauseAfterFailureMs = PAUSE_AFTER_FAILURE_MS } = {},
): () => Promise<void> {
  return startRounds(context, {
    name: 'sweep',
    quietMs: QUIET_MS,
    restAfterFailureMs: pauseAfterFailureMs,
    async round(isStopped) {
      const { claimed } = await sweep(context, { isStopped })
      return claimed > 0 ? 0 : pauseMs
    },
  })
}
