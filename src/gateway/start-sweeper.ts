import { createChangeLog } from '../change-log.ts'
import type { GatewayContext } from './context.ts'
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
  const { clock, log } = context
  const events = { began: 'sweep.failed', ended: 'sweep.working', quietMs: QUIET_MS }
  const changes = createChangeLog({ clock, log, ...events })
  let stopped = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let underWay: Promise<void> = Promise.resolve()

  async function round(): Promise<void> {
    let restMs = pauseMs
    try {
      const { claimed } = await sweep(context, { isStopped: () => stopped })
      if (claimed > 0) restMs = 0
      changes.worked()
    } catch (error) {
      changes.failed({ error })
      restMs = pauseAfterFailureMs
    }
    next(restMs)
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
