import { KIND, type LookCommand, MAX_AMOUNT, TOTAL_WINDOW } from '../ledger/port.ts'
import type { GatewayContext } from './context.ts'
import { recovering } from './refusal.ts'
import { someAtATime } from './some-at-a-time.ts'

/** What the ledger counts for a store, in bytes. */
export interface StoreUsage {
  /** Of objects that are there. */
  readonly usedBytes: number
  /** Reserved by uploads that have not ended. */
  readonly pendingBytes: number
}

/** Looks at partitions under way at once. */
const AT_ONCE = 64

/**
 * What all partitions together count for a store that has a bound, read one after the other: no moment's
 * picture while uploads come and go. Throws `LedgerUnavailable`.
 */
export async function storeUsage(
  context: Pick<GatewayContext, 'capacity' | 'ledger'>,
  store: string,
): Promise<StoreUsage> {
  const partitions = Array.from({ length: context.ledger.partitions }, (_, partition) => partition)
  const usages = await someAtATime(partitions, AT_ONCE, (partition) =>
    partitionUsage(context, { store, partition }),
  )
  return {
    usedBytes: usages.reduce((sum, { usedBytes }) => sum + usedBytes, 0),
    pendingBytes: usages.reduce((sum, { pendingBytes }) => sum + pendingBytes, 0),
  }
}

/** The same of one partition. Throws `LedgerUnavailable`. */
export async function partitionUsage(
  { capacity, ledger }: Pick<GatewayContext, 'capacity' | 'ledger'>,
  { store, partition }: { readonly store: string; readonly partition: number },
): Promise<StoreUsage> {
  const command: LookCommand = {
    op: 'Q',
    partition,
    subjects: [capacity.subjectOf(store, partition)],
    hold: [1, capacity.limitId, TOTAL_WINDOW, 0, KIND.stored],
    check: [0, Number.MAX_SAFE_INTEGER, 0, MAX_AMOUNT],
    deadlineMs: 0,
  }
  const reply = await ledger.admit(command)
  if (reply.code !== 'OK') throw recovering('read what a store holds')
  const [usedBytes = 0, pendingBytes = 0] = reply.levels
  return { usedBytes, pendingBytes }
}
