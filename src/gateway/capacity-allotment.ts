import { GatewayError } from '../errors.ts'

/**
 * How a store's capacity is divided among the partitions of a ledger, as one document that all gateways share.
 * A partition admits by its chunk alone. What a chunk is made of is taken from what nobody has, first, and only
 * then admitted by; what it gives back is kept apart until no gateway can still admit by it. So chunks and what
 * is on the way back are never more than the capacity together, whoever stops in between: a crash strands room,
 * and never makes any. All functions are pure.
 */
export interface Allotment {
  /** Bytes that may be charged in a partition. */
  readonly chunks: ReadonlyMap<number, number>
  /** Bytes that a partition gives back. */
  readonly returns: ReadonlyMap<number, Returning>
}

/** Taken off a chunk, and not free before all views from before have ended. */
export interface Returning {
  readonly id: string
  readonly bytes: number
}

/** Nothing has been given out. */
export const UNDIVIDED: Allotment = { chunks: new Map(), returns: new Map() }

/** A partition and what its ledger counts there, posted and pending. */
export interface PartitionUse {
  readonly partition: number
  readonly used: number
  /** The same as at the last look: nobody needs its room now. */
  readonly idle: boolean
}

/** One pull takes this part of what is free, if that is more than what is needed. */
const PULLED_PART = 2_048
/** Beside what is needed it takes so many times as much for those who come next, of many gateways too. */
const PULLED_AHEAD = 3
/** But no more of what is free than this part. */
const AHEAD_PART = 64
/** Partitions give back what they do not need when less than this part of the capacity is free. */
const SCARCE_PART = 16

/** What nobody has; less than nothing where a capacity was lowered, or the ledger counts more than it. */
export function freeBytes({ chunks, returns }: Allotment, capacityBytes: number): number {
  let free = capacityBytes
  for (const bytes of chunks.values()) free -= bytes
  for (const { bytes } of returns.values()) free -= bytes
  return free
}

/**
 * Grows a chunk by `bytes` at least. `undefined`: there is not so much. What the partition itself gives back is
 * taken first: it may be admitted by until that is over, so nobody else has it.
 */
export function takeChunk(
  allotment: Allotment,
  { partition, bytes, capacityBytes }: { partition: number; bytes: number; capacityBytes: number },
): Allotment | undefined {
  const back = allotment.returns.get(partition)?.bytes ?? 0
  const standing = back === 0 ? allotment : withoutReturn(allotment, { partition, kept: back })
  const needed = bytes - back
  if (needed <= 0) return standing
  const free = freeBytes(standing, capacityBytes)
  if (needed > free) return undefined
  const ahead = Math.min(PULLED_AHEAD * needed, Math.floor((free - needed) / AHEAD_PART))
  return grown(standing, partition, Math.max(needed + ahead, Math.floor(free / PULLED_PART)))
}

/**
 * One round of upkeep, by one gateway for the partitions it was told of. What is used above a chunk is allotted
 * there, whatever became of the write that said so. Returns whose ids are in `over` end: what was admitted by
 * them meanwhile stays with its partition. Where room is scarce, partitions that do not need theirs begin to
 * give it back, under ids that `newId` makes; all of them where more is given out than there is. The same
 * object where nothing is to be done.
 */
export function tendAllotment(
  allotment: Allotment,
  {
    uses,
    capacityBytes,
    over,
    newId,
  }: {
    readonly uses: readonly PartitionUse[]
    readonly capacityBytes: number
    readonly over: ReadonlySet<string>
    readonly newId: () => string
  },
): Allotment {
  let next = allotment
  for (const { partition, used } of uses) {
    const back = next.returns.get(partition)
    const missing = Math.max(0, used - (next.chunks.get(partition) ?? 0))
    if (back !== undefined && over.has(back.id)) {
      next = withoutReturn(next, { partition, kept: Math.min(back.bytes, missing) })
    }
    const lacking =
      used - (next.chunks.get(partition) ?? 0) - (next.returns.get(partition)?.bytes ?? 0)
    if (lacking > 0) next = grown(next, partition, lacking)
  }
  const free = freeBytes(next, capacityBytes)
  if (free >= capacityBytes / SCARCE_PART) return next
  const isOver = free < 0
  for (const { partition, used, idle } of uses) {
    const spare = (next.chunks.get(partition) ?? 0) - used
    if (!(idle || isOver) || spare <= 0 || next.returns.has(partition)) continue
    const returns = new Map(next.returns).set(partition, { id: newId(), bytes: spare })
    next = grown({ ...next, returns }, partition, -spare)
  }
  return next
}

function grown(allotment: Allotment, partition: number, bytes: number): Allotment {
  const chunks = new Map(allotment.chunks)
  return { ...allotment, chunks: chunks.set(partition, (chunks.get(partition) ?? 0) + bytes) }
}

/** Ends a return; `kept` of it stays with its partition, the rest is free. */
function withoutReturn(
  allotment: Allotment,
  { partition, kept }: { readonly partition: number; readonly kept: number },
): Allotment {
  const returns = new Map(allotment.returns)
  returns.delete(partition)
  return grown({ ...allotment, returns }, partition, kept)
}

/** The document's text. */
export function allotmentText({ chunks, returns }: Allotment): string {
  const back = [...returns].map(([partition, { id, bytes }]) => [partition, id, bytes])
  return JSON.stringify({ chunks: [...chunks].filter(([, bytes]) => bytes > 0), returns: back })
}

/** Reads a document. Throws `LedgerUnavailable` for one that this version does not write: it may be newer. */
export function parseAllotment(text: string): Allotment {
  const stored = storedIn(text)
  if (stored === undefined) {
    throw new GatewayError('LedgerUnavailable', 'Cannot read how a store is divided: unknown form')
  }
  const { chunks, returns } = stored
  return {
    chunks: new Map(chunks),
    returns: new Map(returns.map(([partition, id, bytes]) => [partition, { id, bytes }])),
  }
}

interface Stored {
  readonly chunks: readonly (readonly [partition: number, bytes: number])[]
  readonly returns: readonly (readonly [partition: number, id: string, bytes: number])[]
}

function storedIn(text: string): Stored | undefined {
  try {
    const { chunks, returns } = JSON.parse(text) as Stored
    const isRead =
      chunks.every(([partition, bytes]) => isCount(partition) && isCount(bytes)) &&
      returns.every(([partition, id, bytes]) => isCount(partition) && isCount(bytes) && id !== '')
    return isRead ? { chunks, returns } : undefined
  } catch {
    // No JSON, or of another shape than we write.
    return undefined
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
