import { auditOne } from './audit-ledger.ts'
import type { GatewayContext } from './context.ts'

/** All partitions take at least this long, in milliseconds. */
const ROUND_MS = 600_000
const MIN_PAUSE_MS = 2_000
/** The auditor rests this many times as long as it worked: it takes one percent of a ledger at most. */
const REST_FACTOR = 100
/** Between two looks at what seems wrong. */
const SECOND_LOOK_MS = 1_000

/**
 * Audits one partition after the other, for ever and slowly, and raises an alarm for what is wrong
 * twice; it repairs nothing. Returns what stops it: it resolves when the audit under way is done.
 */
export function startAuditor(
  context: GatewayContext,
  { roundMs = ROUND_MS, minPauseMs = MIN_PAUSE_MS, secondLookMs = SECOND_LOOK_MS } = {},
): () => Promise<void> {
  const stopping = new AbortController()
  let partition = 0

  async function run(): Promise<void> {
    await pause(Math.max(minPauseMs, roundMs / context.ledger.partitions))
    while (!stopping.signal.aborted) {
      const { partitions } = context.ledger
      const startedMs = context.clock.nowMs()
      try {
        await auditOne(context, partition % partitions, { pause: () => pause(secondLookMs) })
      } catch (error) {
        context.log.warn('audit.failed', { partition, error })
      }
      partition = (partition + 1) % partitions
      const workedMs = Math.max(0, context.clock.nowMs() - startedMs)
      await pause(Math.max(minPauseMs, roundMs / partitions, workedMs * REST_FACTOR))
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
