import type { GatewayContext } from './context.ts'
import { sweep } from './sweep.ts'

const PAUSE_MS = 2_000
const PAUSE_AFTER_FAILURE_MS = 10_000

/**
 * Sweeps again and again, with a pause when there was nothing to do. Returns what stops it: it
 * resolves when the sweep under way is done.
 */
export function startSweeper(context: GatewayContext): () => Promise<void> {
  let stopped = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let underWay: Promise<void> = Promise.resolve()

  async function round(): Promise<void> {
    let pauseMs = PAUSE_MS
    try {
      const { claimed } = await sweep(context, { isStopped: () => stopped })
      if (claimed > 0) pauseMs = 0
    } catch (error) {
      context.log.warn('sweep.failed', { error })
      pauseMs = PAUSE_AFTER_FAILURE_MS
    }
    next(pauseMs)
  }

  function next(pauseMs: number): void {
    if (stopped) return
    timer = setTimeout(() => {
      underWay = round()
    }, pauseMs)
  }

  next(0)
  return async () => {
    stopped = true
    clearTimeout(timer)
    await underWay
  }
}
