import { callObject, type Remote } from '../object-call.ts'
import { batchItems } from './batch-items.ts'
import { checkCommand } from './check-command.ts'
import type { AdmitCommand, FinishCommand, Ledger, RecentRequest, Reservation } from './port.ts'

/** A partition's ledger in its object, as it is called from elsewhere. Its own partition it knows as 0. */
export interface RemoteLedger {
  readonly admit: Remote<Ledger['admit']>
  readonly finish: Remote<Ledger['finish']>
  readonly claim: Remote<Ledger['claim']>
  readonly find: Remote<Ledger['find']>
  readonly list: Remote<Ledger['list']>
  /** Without `settledMs`: a function does not travel, and SQL has no need of it. */
  readonly recent: Remote<
    (request: Omit<RecentRequest, 'settledMs'>) => Promise<readonly Reservation[]>
  >
  readonly audit: Remote<Ledger['audit']>
}

/** Partitions of every installation on Durable Objects: an object each. */
export const OBJECT_PARTITIONS = 256

export interface DurableObjectsLedgerOptions {
  /** The object of a partition, asked for with each call: a stub belongs to the request that made it. */
  readonly objectOf: (partition: number) => RemoteLedger
  /** The installation's salt; throws `LedgerUnavailable` until it is known. */
  readonly salt: () => string
  /** Partitions that are swept from here when somebody sweeps. Default: all. */
  readonly share?: readonly number[]
}

/** Of a batch that nobody heard of: each is a call, and a request has so many. The sweeper finds the others. */
const MAX_VOIDED = 64

/**
 * The ledger in Durable Objects, one for each of 256 partitions: `decideAdmit` and `decideFinish` run
 * there, on SQL, and what was answered is durable. Keeps nothing but functions. What counts once is sent
 * once more where the object could not be asked. A reservation of which nobody knows whether it was made
 * is no grant: it is voided behind, unless it hangs on a caller's key.
 */
export function openDurableObjectsLedger(options: DurableObjectsLedgerOptions): Ledger {
  const { objectOf, salt, share = everyPartition() } = options
  const decide = { what: 'decide', again: true }
  const read = { what: 'read the ledger', again: true }

  function voidUnseen(command: Extract<AdmitCommand, { op: 'R' }>): void {
    const { partition, fingerprint } = command
    const items = batchItems(command).slice(0, MAX_VOIDED)
    for (const { rid, subjects = command.subjects } of items) {
      // What is not ended here the sweeper finds.
      void finish({ op: 'V', partition, rid, fingerprint, subjects }).catch(() => {})
    }
  }

  async function finish(command: FinishCommand) {
    checkCommand(command)
    return await callObject(() => objectOf(command.partition).finish(command), decide)
  }

  return {
    partitions: OBJECT_PARTITIONS,
    get salt() {
      return salt()
    },
    async admit(command) {
      checkCommand(command)
      const ask = () => objectOf(command.partition).admit(command)
      // A charge has no id: what comes twice would count twice.
      const how = { ...decide, again: command.op !== 'C' }
      if (command.op !== 'R') return await callObject(ask, how)
      try {
        return await callObject(ask, how)
      } catch (error) {
        if (command.replayable !== true) voidUnseen(command)
        throw error
      }
    },
    finish,
    share: async () => share,
    async claim(request) {
      const { partition } = request
      const claimed = await callObject(() => objectOf(partition).claim(request), decide)
      return { ...claimed, reservations: ofPartition(claimed.reservations, partition) }
    },
    async find(ref) {
      const found = await callObject(() => objectOf(ref.partition).find(ref), read)
      return found && { ...found, partition: ref.partition }
    },
    async list(request) {
      const { partition } = request
      const found = await callObject(() => objectOf(partition).list(request), read)
      return ofPartition(found, partition)
    },
    async recent({ partition, sinceMs, limit }) {
      const request = { partition, sinceMs, limit }
      const found = await callObject(() => objectOf(partition).recent(request), read)
      return ofPartition(found, partition)
    },
    audit: (request) =>
      // A repair may be asked for twice: it finds nothing the second time.
      callObject(() => objectOf(request.partition).audit(request), read),
    async close() {},
  }
}

function everyPartition(): number[] {
  return Array.from({ length: OBJECT_PARTITIONS }, (_, partition) => partition)
}

function ofPartition(reservations: readonly Reservation[], partition: number): Reservation[] {
  return reservations.map((each) => ({ ...each, partition }))
}
