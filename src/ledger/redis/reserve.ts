import type { Clock } from '../../clock.ts'
import { batchItems } from '../batch-items.ts'
import type { AdmitReply, FinishReply, ReserveCommand, VoidCommand } from '../port.ts'
import type { BatchResult } from './batcher.ts'
import { pagesOf } from './canary-read.ts'
import type { Fence } from './fence.ts'
import type { JournalKeeper } from './keep-journal.ts'
import { isNotExecuted } from './not-executed.ts'
import { noAnswer } from './redis-node.ts'
import { admitReplyOf } from './replies.ts'
import type { RunFenced } from './run-fenced.ts'
import { admitCall } from './script-calls.ts'

/** Items of a batch that are taken back at once: one pipeline. */
const VOIDED_AT_ONCE = 64

export interface ReserveOptions {
  readonly run: RunFenced
  readonly fence: Fence
  readonly clock: Clock
  /** Of durability `async`. */
  readonly keeper: JournalKeeper | undefined
  /** After this long there is no second try, in milliseconds. */
  readonly patienceMs: number
  /** Ends what nobody has heard of, on the connection that the reservation was sent on. */
  readonly voidBehind: (command: VoidCommand) => Promise<FinishReply>
}

/**
 * Reserves, and answers only when what was reserved would survive what the durability promises. An
 * outcome that is not known is no grant: throws `LedgerUnavailable`, after one more try with the same
 * id where there is time (`ledger.md` section 6).
 */
export function createReserve(
  options: ReserveOptions,
): (command: ReserveCommand) => Promise<AdmitReply> {
  const { run, fence, clock, keeper, patienceMs } = options

  async function keep(command: ReserveCommand, reply: AdmitReply, epoch: string): Promise<void> {
    const { partition, rid } = command
    if (keeper === undefined) {
      const pending = reply.code === 'OK' || (reply.code === 'EXISTS' && reply.state === 'P')
      if (pending) fence.witness(partition, rid, reply.nowMs)
      return
    }
    await keeper.reserved(command, reply, epoch)
  }

  /**
   * Nobody has seen a URL for it; for a caller's key another gateway may have released one. Goes behind
   * it on one connection: it may be delivered only now, and nothing would end it then. A batch goes in
   * pieces, so that reservations of others do not wait for all of it.
   */
  async function voidUnseen(command: ReserveCommand): Promise<void> {
    const { partition, fingerprint } = command
    for (const items of pagesOf(batchItems(command), VOIDED_AT_ONCE)) {
      const voids = items.map(({ rid, subjects = command.subjects }) =>
        options.voidBehind({ op: 'V', partition, rid, fingerprint, subjects }),
      )
      // What is not ended here the sweeper finds.
      await Promise.allSettled(voids)
    }
  }

  return async (command) => {
    const { partition } = command
    let epoch = ''
    const call = (standing: string) => {
      epoch = standing
      return admitCall(command, standing)
    }
    // Whatever a second try comes to, the first one may have reserved.
    let mayStand = false
    const attempt = async () => {
      const result = await run({ partition, script: 'reserve', call, durable: true })
      mayStand ||= !isNotExecuted(result)
      return result
    }
    const startMs = clock.nowMs()
    try {
      let result = await attempt()
      // What could not even be sent is not tried again: the server is away, and its callers have waited.
      const refused = result.kind === 'error' && isNotExecuted(result)
      const again = refused || isUnacknowledgedGrant(result)
      if (again && clock.nowMs() - startMs < patienceMs) result = await attempt()
      if (result.kind !== 'reply') throw noAnswer(result.message)
      if (isUnacknowledgedGrant(result)) throw noAnswer('too few replicas have it')
      const reply = admitReplyOf(result.reply)
      await keep(command, reply, epoch)
      return reply
    } catch (error) {
      if (mayStand && command.replayable !== true) void voidUnseen(command)
      throw error
    }
  }
}

/** Something was granted that a failover could still lose. */
function isUnacknowledgedGrant(result: BatchResult): boolean {
  if (result.kind !== 'reply' || result.acknowledged) return false
  const [code] = result.reply as [string]
  return code === 'OK' || code === 'EXISTS'
}
