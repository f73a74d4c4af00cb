import { createChangeLog } from '../change-log.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'

/** Tells the log when requests begin to pass without the ledger, and when they are counted again. */
export interface FailOpenLog {
  /** A request found no answer at the ledger and goes by the fail policy. */
  unanswered(error: unknown): void
  /** The ledger answered a request. */
  answered(): void
}

/** An absence is over when an answer comes this long after the last one that did not, in ms. */
const QUIET_MS = 1_000

/** One line for a change, never one for a request. */
export function createFailOpenLog({ clock, log }: { clock: Clock; log: Logger }): FailOpenLog {
  const changes = createChangeLog({
    clock,
    log,
    began: 'requests.failed_open',
    ended: 'requests.counted_again',
    quietMs: QUIET_MS,
  })
  return {
    unanswered: (error) => changes.failed({ error }),
    answered: () => changes.worked(),
  }
}
