import { createChangeLog } from '../change-log.ts'
import { auditOne } from './audit-ledger.ts'
import type { GatewayContext } from './context.ts'

/** The partitions of this gateway's share take at least this long together, in milliseconds. */
const ROUND_MS = 600_000
const MIN_PAUSE_MS = 2_000
/** The auditor rests this many times as long as it worked: it takes one percent of a ledger at most. */
const REST_FACTOR = 100
/** Between two looks at what seems wrong. */
const SECOND_LOOK_MS = 1_000
/** The auditor works again when nothing has failed for so long. */
const QUIET_MS = 30_000

/**
 * Audits one partition of this gateway's share after the other, for ever and slowly, and raises an
 * alarm for what is wrong twice; it repairs nothing. The log is told when it cannot, and when it can
 * again. Returns what stops it: it resolves when the audit
 * under way is done.
 */
export function startAuditor(
  context: GatewayContext,
  { roundMs = ROUND_MS, minPauseMs = MIN_PAUSE_MS, secondLookMs = SECOND_LOOK_MS } = {},
): () => Promise<void> {
  const stopping = new AbortController()
  const { clock, log } = context
  const events = { began: 'audit.failed', ended: 'audit.working', quietMs: QUIET_MS }
  const changes = createChangeLog({ clock, log, ...events })
  let audited: number | undefined

  async function run(): Promise<void> {
    let restMs = Math.max(minPauseMs, roundMs / context.ledger.partitions)
    await pause(restMs)
    while (!stopping.signal.aborted) {
      const startedMs = clock.nowMs()
      let partition: number | undefined
      try {
        const share = await context.ledger.share()
        restMs = Math.max(minPauseMs, roundMs / Math.max(1, share.length))
        partition = nextOf(share, audited)
        if (partition !== undefined) {
          audited = partition
          await auditOne(context, partition, { pause: () => pause(secondLookMs) })
        }
        changes.worked()
      } catch (error) {
        changes.failed({ ...(partition !== undefined && { partition }), error })
      }
      const workedMs = Math.max(0, clock.nowMs() - startedMs)
      await pause(Math.max(restMs, workedMs * REST_FACTOR))
    }
  }

  function pause(ms: number): Promise<void> {
    const { signal } = stopping
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, signal.aborted ? 0 : ms)
      signal.addEventListener('abort', done)
    })
  }

  const running = run()
  return async () => {
    stopping.abort()
    await running
  }
}

/** The partition after the last one, or the first again; `undefined` where there is none. */
function nextOf(share: readonly number[], last = -1): number | undefined {
  const sorted = [...share].sort((a, b) => a - b)
  return sorted.find((partition) => partition > last) ?? sorted[0]
}
