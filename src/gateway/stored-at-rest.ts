import type { PartitionAudit } from '../ledger/audit.ts'
import type { Reservation } from '../ledger/port.ts'
import { KIND } from '../ledger/port.ts'
import type { Ticket } from '../ledger/ticket.ts'
import { ObjectKey } from '../object-key.ts'
import type { Placement } from '../stores/store.ts'
import type { ListedObject } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import { creditDigest, creditId } from './credit-hold.ts'
import { ownTicket } from './own-ticket.ts'
import { parseNote } from './reservation-note.ts'

/** A stored total that is not what lies in the stores. */
export interface StoredDifference {
  readonly subject: string
  readonly limitId: number
  /** Bytes or objects that the ledger counts. */
  readonly posted: number
  /** What the stores hold of it. */
  readonly found: number
}

const PAGE = 1_000
const HEADS_AT_ONCE = 16
const ENTRY = 4

/** Sums by subject and limit. */
type Sums = Map<string, { subject: string; limitId: number; amount: number }>

/**
 * Compares the stored totals of an audit with the objects that the stores list: each object's own
 * ticket says whose limits it counts in. Objects that are not settled count nothing yet, and deleted
 * ones count until their credit is posted. What is uploaded or deleted meanwhile may show as a
 * difference. `mustGoOn` is asked between objects and throws to end it. Throws `StoreUnavailable`,
 * `LedgerUnavailable`.
 */
export async function compareStored(
  context: GatewayContext,
  partitions: readonly PartitionAudit[],
  mustGoOn: () => void,
): Promise<StoredDifference[]> {
  const sums: Sums = new Map()
  const credits = await pendingCredits(context, partitions)
  for (const placement of placementsOf(context)) {
    await sumPlacement(context, placement, { sums, credits, mustGoOn })
  }
  for (const { reservation, sizeBytes } of credits.values()) {
    addHold(sums, reservation.subjects, reservation.hold, sizeBytes)
  }
  const differences: StoredDifference[] = []
  for (const { subject, limitId, posted } of partitions.flatMap(({ totals }) => totals)) {
    const name = nameOf(subject, limitId)
    const found = sums.get(name)?.amount ?? 0
    sums.delete(name)
    if (found !== posted) differences.push({ subject, limitId, posted, found })
  }
  for (const { subject, limitId, amount } of sums.values()) {
    if (amount !== 0) differences.push({ subject, limitId, posted: 0, found: amount })
  }
  return differences
}

/** Where objects can be: one that lies within another's prefix would be counted twice. */
function placementsOf({ config }: GatewayContext): Placement[] {
  const all = [...config.buckets.values()].flatMap(({ placements }) => placements)
  return all.filter(
    (placement, at) =>
      !all.some(
        (other, before) =>
          other.store.name === placement.store.name &&
          other.bucket === placement.bucket &&
          placement.prefix.startsWith(other.prefix) &&
          (other.prefix.length < placement.prefix.length || before < at),
      ),
  )
}

interface Counting {
  readonly sums: Sums
  readonly credits: Map<string, Credit>
  /** Throws when the comparison is to end. */
  readonly mustGoOn: () => void
}

async function sumPlacement(
  context: GatewayContext,
  placement: Placement,
  { sums, credits, mustGoOn }: Counting,
): Promise<void> {
  let after: string | undefined
  do {
    mustGoOn()
    const page = await context.storeClient.list(placement, {
      prefix: '',
      limit: PAGE,
      background: true,
      ...(after !== undefined && { after }),
    })
    for (let at = 0; at < page.objects.length; at += HEADS_AT_ONCE) {
      mustGoOn()
      const some = page.objects.slice(at, at + HEADS_AT_ONCE)
      const charged = await Promise.all(some.map((each) => chargedOf(context, placement, each)))
      for (const each of charged) {
        if (each === undefined) continue
        // An object that came back, or never went, is here: it must not count a second time.
        credits.delete(each.creditId)
        addHold(sums, each.ticket.subjects, each.ticket.hold, each.sizeBytes)
      }
    }
    after = page.next
  } while (after !== undefined)
}

interface Charged {
  readonly ticket: Pick<Ticket, 'subjects' | 'hold'>
  readonly sizeBytes: number
  readonly creditId: string
}

/** What the ledger counts of one object; `undefined` for one that it does not count. */
async function chargedOf(
  context: GatewayContext,
  placement: Placement,
  { key }: ListedObject,
): Promise<Charged | undefined> {
  const parsed = keyOrNone(key)
  if (parsed === undefined) return undefined
  const place = { placement, key: parsed, background: true } as const
  const head = await context.storeClient.head(place)
  const ticket = head.found ? ownTicket(context, place, head) : undefined
  if (!head.found || ticket === undefined) return undefined
  const { partition, rid } = ticket
  const record = await context.ledger.find({ partition, rid })
  const credit = creditId(creditDigest(context, place, rid))
  // Ended records are forgotten after `ledger.retentionHours`; those of condemned objects stay until
  // they are gone.
  if (record === undefined || record.state === 'S') {
    return { ticket, sizeBytes: head.sizeBytes, creditId: credit }
  }
  // An overwrite that has arrived and is not settled: what it replaced is still what counts.
  const note = parseNote(record.note)
  const replaced = note.kind === 'upload' && record.state === 'P' ? note.replaces : undefined
  if (replaced === undefined) return undefined
  const creditOfReplaced = creditId(creditDigest(context, place, replaced.rid))
  return { ticket: replaced, sizeBytes: replaced.sizeBytes, creditId: creditOfReplaced }
}

// A key that Signet would not sign carries no ticket of its own.
function keyOrNone(key: string): ObjectKey | undefined {
  try {
    return ObjectKey.parse(key)
  } catch {
    return undefined
  }
}

interface Credit {
  readonly reservation: Reservation
  readonly sizeBytes: number
}

/** Deletions whose bytes still count: they wait until the object cannot come back. By rid. */
async function pendingCredits(
  context: GatewayContext,
  partitions: readonly PartitionAudit[],
): Promise<Map<string, Credit>> {
  const credits = new Map<string, Credit>()
  for (const { partition, credits: rids } of partitions) {
    for (const rid of rids) {
      const reservation = await context.ledger.find({ partition, rid })
      if (reservation?.state !== 'P') continue
      const note = parseNote(reservation.note)
      if (note.kind === 'delete') credits.set(rid, { reservation, sizeBytes: note.sizeBytes })
    }
  }
  return credits
}

/** Adds one object of a size to the stored totals of a hold. */
function addHold(
  sums: Sums,
  subjects: readonly string[],
  hold: readonly number[],
  sizeBytes: number,
): void {
  let h = 0
  for (const subject of subjects) {
    const entries = hold[h++] ?? 0
    for (let entry = 0; entry < entries; entry += 1, h += ENTRY) {
      const limitId = hold[h] ?? 0
      const kind = hold[h + 3]
      if (kind !== KIND.stored && kind !== KIND.objects) continue
      const name = nameOf(subject, limitId)
      const amount = (sums.get(name)?.amount ?? 0) + (kind === KIND.stored ? sizeBytes : 1)
      sums.set(name, { subject, limitId, amount })
    }
  }
}

function nameOf(subject: string, limitId: number): string {
  return `${subject} ${limitId}`
}
