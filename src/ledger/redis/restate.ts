import { GatewayError } from '../../errors.ts'
import type { Logger } from '../../log.ts'
import type { AmendCommand, FinishReply, ReassertCommand } from '../port.ts'
import { epochId, parseEpoch } from './epoch.ts'
import type { Fence } from './fence.ts'
import type { Journal, JournalEntry } from './journal.ts'

/** Re-asserts sent before their answers are waited for. */
const AT_ONCE = 64

export interface RestaterOptions {
  readonly journal: Journal
  readonly fence: Fence
  readonly log: Logger
  /** The ledger's clock. */
  readonly nowMs: () => number
  /** Runs also while a partition is being put back. */
  readonly finish: (command: ReassertCommand | AmendCommand) => Promise<FinishReply>
}

/** Puts back what this gateway has granted and a new master may not have. */
export interface Restater {
  /** After a look at the canaries. Returns at once: the work is done beside everything else. */
  looked(partitions: readonly number[]): void
  /** Ends what is under way; the rest stays for the next start. */
  close(): Promise<void>
}

/**
 * After a failover of durability `async`. What is there already stays as it is, but for an amendment
 * that was lost. A partition without an answer is tried again after the next look.
 */
export function createRestater(options: RestaterOptions): Restater {
  const { journal, fence, log, nowMs } = options
  const wanted = new Set<number>()
  let running: Promise<void> | undefined
  let closed = false

  /** The epoch that stands in a partition, unless nothing may be put back there. */
  function epochOf(partition: number): string | undefined {
    const place = fence.of(partition)
    const epoch = place.state === 'closed' ? undefined : parseEpoch(place.epoch)
    return epoch && epochId(epoch)
  }

  async function run(): Promise<void> {
    const done = { reservations: 0, overdrawn: 0 }
    let failure: unknown
    for (const partition of wanted) {
      wanted.delete(partition)
      try {
        await restatePartition(partition, done)
      } catch (error) {
        failure = error
      }
    }
    if (done.reservations > 0) log.warn('ledger.restated', done)
    if (failure !== undefined && !closed) log.warn('ledger.restate_failed', { error: failure })
  }

  async function restatePartition(partition: number, done: Done): Promise<void> {
    const epoch = epochOf(partition)
    if (epoch === undefined) return
    while (!closed) {
      const entries = journal.outdated(partition, { epoch, nowMs: nowMs() })
      if (entries.length === 0) return
      for (let at = 0; at < entries.length && !closed; at += AT_ONCE) {
        const some = entries.slice(at, at + AT_ONCE)
        await Promise.all(some.map((entry) => restateOne(entry, options, done)))
        await journal.restated(
          some.map(({ rid }) => rid),
          epoch,
        )
      }
    }
  }

  return {
    looked(partitions) {
      if (closed) return
      for (const partition of partitions) {
        const epoch = epochOf(partition)
        if (epoch === undefined) continue
        if (journal.hasOutdated(partition, { epoch, nowMs: nowMs() })) wanted.add(partition)
      }
      if (wanted.size === 0) return
      running ??= run().finally(() => {
        running = undefined
      })
    },
    async close() {
      closed = true
      wanted.clear()
      await running
    },
  }
}

interface Done {
  reservations: number
  overdrawn: number
}

async function restateOne(
  { limits, earlierNotes = [], ...entry }: JournalEntry,
  { finish, journal, nowMs }: RestaterOptions,
  done: Done,
): Promise<void> {
  const { expMs, note, rid } = entry
  const lookMs = Math.max(0, expMs - Math.floor(nowMs()))
  const reply = await answered(finish({ op: 'A', ...entry, limits, lookMs }))
  if (reply?.code === 'OK') {
    done.reservations += 1
    if (reply.over > 0) done.overdrawn += 1
  }
  if (reply?.code !== 'EXISTS') return
  if (reply.state !== 'P') return journal.ended(rid, reply.nowMs)
  // The reservation was replicated in time, and what was amended later was not. Any other note is
  // somebody else's, and newer.
  const lostNote = note !== reply.note && earlierNotes.includes(reply.note)
  if (!lostNote && expMs <= reply.expMs) return
  const { partition, fingerprint, subjects } = entry
  const amendment = { expMs, ...(lostNote && { note }) }
  await answered(finish({ op: 'M', partition, rid, fingerprint, subjects, ...amendment }))
}

/** Throws when there is no answer. `undefined`: a key that is none of ours, which has been reported. */
async function answered(sent: Promise<FinishReply>): Promise<FinishReply | undefined> {
  try {
    const reply = await sent
    if (reply.code === 'FENCED') throw new Error('the ledger moved on meanwhile')
    return reply
  } catch (error) {
    // It must not keep the others from coming back.
    if (error instanceof GatewayError && error.details.facts?.key !== undefined) return undefined
    throw error
  }
}
