import type { Clock } from './clock.ts'
import type { LogFields, Logger } from './log.ts'

/** Tells the log when something begins to fail, and when it works again. */
export interface ChangeLog {
  /** It did not work this time. */
  failed(fields: LogFields): void
  /** It did; the fields are of the line that says so. */
  worked(fields?: LogFields): void
}

export interface ChangeLogOptions {
  readonly clock: Clock
  readonly log: Logger
  /** Events of the two lines. */
  readonly began: string
  readonly ended: string
  /** It works again when it does so this long after the last failure, in milliseconds. */
  readonly quietMs: number
}

/**
 * One line for a change, never one for a failure: an outage must not fill the disk. What works only now
 * and then counts as failing, so that it fills it no more than what never does.
 */
export function createChangeLog(options: ChangeLogOptions): ChangeLog {
  const { clock, log, began, ended, quietMs } = options
  let failing: { sinceMs: number; lastMs: number } | undefined
  return {
    failed(fields) {
      const nowMs = clock.nowMs()
      if (failing === undefined) log.warn(began, fields)
      failing = { sinceMs: failing?.sinceMs ?? nowMs, lastMs: nowMs }
    },
    worked(fields = {}) {
      if (failing === undefined) return
      const nowMs = clock.nowMs()
      if (Math.abs(nowMs - failing.lastMs) < quietMs) return
      log.info(ended, { ...fields, afterMs: nowMs - failing.sinceMs })
      failing = undefined
    },
  }
}
