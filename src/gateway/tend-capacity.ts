import type { Clock } from '../clock.ts'
import type { BoundedStore } from './capacity.ts'
import { type PartitionUse, tendAllotment } from './capacity-allotment.ts'
import { MAX_VIEW_MS, readAllotment, writeAllotment } from './capacity-chunks.ts'
import type { GatewayContext } from './context.ts'
import { newUuid } from './ids.ts'
import { someAtATime } from './some-at-a-time.ts'
import { partitionUsage } from './store-usage.ts'

/** What one gateway has seen in earlier rounds; nobody else's clock is believed. */
export interface TendingMemory {
  /** By store: returns, and when this gateway met them first. */
  readonly returns: Map<string, ReadonlyMap<string, number>>
  /** By store: what partitions used at the last look. */
  readonly used: Map<string, ReadonlyMap<number, number>>
}

/** A memory of nothing. */
export function newTendingMemory(): TendingMemory {
  return { returns: new Map(), used: new Map() }
}

type TendContext = Pick<
  GatewayContext,
  'capacity' | 'config' | 'ledger' | 'random' | 'state' | 'telemetry'
>

/**
 * What a chunk was made smaller by is given to others only when this gateway has seen it so for so long, in
 * milliseconds: no view from before is decided by any more, nor is a command under way that was.
 */
const RETURN_MS = 3 * MAX_VIEW_MS
/** Looks at partitions under way at once. */
const AT_ONCE = 64

/**
 * One round of upkeep for all stores that have a bound: tells the metrics what the partitions of this gateway
 * hold, and sees to it that room goes to where it is needed (`tendAllotment`). A round that another gateway was
 * faster than changes nothing. Where it fails for a store, the others have theirs. Throws `LedgerUnavailable`.
 */
export async function tendCapacity(
  context: TendContext,
  { memory, stopwatch }: { readonly memory: TendingMemory; readonly stopwatch: Clock },
): Promise<void> {
  const share = await context.ledger.share()
  const failures: unknown[] = []
  for (const store of context.config.stores.values()) {
    if (store.capacityBytes === undefined) continue
    const tending = { share, memory, stopwatch }
    const tended =
      context.ledger.partitions > 1
        ? tendStore(context, store, tending)
        : measure(context, store, share)
    await tended.catch((error: unknown) => failures.push(error))
  }
  if (failures.length > 0) throw failures[0]
}

interface Tending {
  readonly share: readonly number[]
  readonly memory: TendingMemory
  readonly stopwatch: Clock
}

async function tendStore(
  context: TendContext,
  store: BoundedStore,
  { share, memory, stopwatch }: Tending,
): Promise<void> {
  const { name, capacityBytes = 0 } = store
  const nowMs = stopwatch.nowMs()
  // Before the ledger is: what is used then was admitted by what is read here, or by less.
  const { allotment, version } = await readAllotment(context.state, name)
  const before = memory.returns.get(name)
  const met = [...allotment.returns.values()].map(
    ({ id }) => [id, before?.get(id) ?? nowMs] as const,
  )
  memory.returns.set(name, new Map(met))
  const over = met.flatMap(([id, sinceMs]) => (nowMs - sinceMs >= RETURN_MS ? [id] : []))
  const used = await measure(context, store, share)
  const last = memory.used.get(name)
  memory.used.set(name, used)
  const uses = [...used].map(
    ([partition, bytes]): PartitionUse => ({
      partition,
      used: bytes,
      idle: last?.get(partition) === bytes,
    }),
  )
  const newId = () => newUuid(context.random)
  const next = tendAllotment(allotment, { uses, capacityBytes, over: new Set(over), newId })
  if (next === allotment) return
  await writeAllotment(context.state, name, { allotment: next, version })
}

/** What partitions use, posted and pending. */
async function measure(
  context: TendContext,
  { name, capacityBytes = 0 }: BoundedStore,
  share: readonly number[],
): Promise<ReadonlyMap<number, number>> {
  const looks = await someAtATime(share, AT_ONCE, async (partition) => ({
    partition,
    ...(await partitionUsage(context, { store: name, partition })),
  }))
  context.telemetry.storeRoomMeasured({
    store: name,
    capacityBytes,
    usedBytes: looks.reduce((sum, { usedBytes }) => sum + usedBytes, 0),
    pendingBytes: looks.reduce((sum, { pendingBytes }) => sum + pendingBytes, 0),
  })
  return new Map(
    looks.map(({ partition, usedBytes, pendingBytes }) => [partition, usedBytes + pendingBytes]),
  )
}
