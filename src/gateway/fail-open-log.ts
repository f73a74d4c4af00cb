import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'

/** Tells the log when requests begin to pass without the ledger, and when they are counted again. */
export interface FailOpenLog {
  /** A request found no answer at the ledger and goes by the fail policy. */
  unanswered(error: unknown): void
  /** The ledger answered a request. */
  answered(): void
}

/** An absence is over when an answer comes this long after the last one that did not, in milliseconds. */
const QUIET_MS = 1_000

/**
 * One line for a change, never one for a request: an outage under load must not fill the disk. A
 * ledger that answers only now and then counts as away, so that it fills it no more than one that is.
 */
export function createFailOpenLog({ clock, log }: { clock: Clock; log: Logger }): FailOpenLog {
  let away: { sinceMs: number; lastMs: number } | undefined
  return {
    unanswered(error) {
      const nowMs = clock.nowMs()
      if (away === undefined) log.warn('requests.failed_open', { error })
      away = { sinceMs: away?.sinceMs ?? nowMs, lastMs: nowMs }
    },
    answered() {
      if (away === undefined) return
      const nowMs = clock.nowMs()
      if (Math.abs(nowMs - away.lastMs) < QUIET_MS) return
      log.info('requests.counted_again', { afterMs: nowMs - away.sinceMs })
      away = undefined
    },
  }
}
