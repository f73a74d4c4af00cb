import type { Clock } from '../../clock.ts'
import type { Logger } from '../../log.ts'

/** Tells the log whether a server can be used. */
export interface UsabilityLog {
  /** Each reason once until the server is usable again, however often it is found. */
  unusable(why: string): void
  usable(): void
}

/** `ledger.unusable` with the reason when a server is lost, `ledger.usable` when it is back. */
export function createUsabilityLog(log: Logger, clock: Clock, server: string): UsabilityLog {
  const told = new Set<string>()
  let sinceMs = 0
  return {
    unusable(why) {
      if (told.has(why)) return
      if (told.size === 0) sinceMs = clock.nowMs()
      told.add(why)
      log.error('ledger.unusable', { server, why })
    },
    usable() {
      if (told.size === 0) return
      told.clear()
      log.info('ledger.usable', {
        server,
        afterMs: Math.max(0, Math.round(clock.nowMs() - sinceMs)),
      })
    },
  }
}
