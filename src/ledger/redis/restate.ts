import { GatewayError } from '../../errors.ts'
import type { Logger } from '../../log.ts'
import type { FinishReply, ReassertCommand } from '../port.ts'
import { parseEpoch } from './epoch.ts'
import type { Fence } from './fence.ts'
import type { Journal } from './journal.ts'

/** Re-asserts sent before their answers are waited for. */
const AT_ONCE = 64

export interface RestateOptions {
  readonly journal: Journal
  readonly fence: Fence
  readonly log: Logger
  readonly finish: (command: ReassertCommand) => Promise<FinishReply>
}

/**
 * After a failover of durability `async`: puts back what this gateway has granted and the new master
 * may not have. What is there already stays as it is. Throws when there is no answer; to be repeated.
 */
export async function restate(
  { journal, fence, log, finish }: RestateOptions,
  partitions: readonly number[],
  nowMs: number,
): Promise<void> {
  let restated = 0
  let over = 0
  for (const partition of partitions) {
    const place = fence.of(partition)
    const generation = place.state === 'closed' ? undefined : parseEpoch(place.epoch)?.generation
    if (generation === undefined) continue
    const entries = journal.outdated(partition, generation, nowMs)
    for (let at = 0; at < entries.length; at += AT_ONCE) {
      const some = entries.slice(at, at + AT_ONCE)
      const replies = await Promise.all(
        some.map(({ expMs, ...entry }) => {
          const lookMs = Math.max(0, expMs - nowMs)
          return finish({ op: 'A', ...entry, expMs, lookMs }).catch(unlessUnreadable)
        }),
      )
      for (const reply of replies) {
        if (reply?.code === 'FENCED') throw new Error('the ledger moved on meanwhile')
        if (reply?.code !== 'OK') continue
        restated += 1
        if (reply.over > 0) over += 1
      }
      await Promise.all(some.map(({ rid }) => journal.restated(rid, generation)))
    }
  }
  if (restated > 0) log.warn('ledger.restated', { reservations: restated, overdrawn: over })
}

/** A key that is none of ours has been reported; it must not keep the others from coming back. */
function unlessUnreadable(error: unknown): undefined {
  if (error instanceof GatewayError && error.details.facts?.key !== undefined) return undefined
  throw error
}
