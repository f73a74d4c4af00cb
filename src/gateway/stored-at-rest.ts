import type { PartitionAudit } from '../ledger/audit.ts'
import type { Reservation } from '../ledger/port.ts'
import type { Placement } from '../stores/store.ts'
import type { ListedObject } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import { type Counted, countedFor, lookAtObject } from './look-at-object.ts'
import { parseNote } from './reservation-note.ts'
import { addObject, placementsOf, type StoredSums, totalName } from './stored-sums.ts'

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
  const sums: StoredSums = new Map()
  const credits = await pendingCredits(context, partitions)
  for (const placement of placementsOf(context.config)) {
    await sumPlacement(context, placement, { sums, credits, mustGoOn })
  }
  for (const { reservation, sizeBytes } of credits.values()) {
    addObject(sums, reservation, sizeBytes)
  }
  const differences: StoredDifference[] = []
  for (const { subject, limitId, posted } of partitions.flatMap(({ totals }) => totals)) {
    const name = totalName({ subject, limitId })
    const found = sums.get(name)?.amount ?? 0
    sums.delete(name)
    if (found !== posted) differences.push({ subject, limitId, posted, found })
  }
  for (const { subject, limitId, amount } of sums.values()) {
    if (amount !== 0) differences.push({ subject, limitId, posted: 0, found: amount })
  }
  return differences
}

interface Counting {
  readonly sums: StoredSums
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
      const counted = await Promise.all(some.map((each) => countedAt(context, placement, each)))
      for (const each of counted) {
        if (each === undefined) continue
        // An object that came back, or never went, is here: it must not count a second time.
        credits.delete(each.creditId)
        addObject(sums, each, each.sizeBytes)
      }
    }
    after = page.next
  } while (after !== undefined)
}

async function countedAt(
  context: GatewayContext,
  placement: Placement,
  { key }: ListedObject,
): Promise<Counted | undefined> {
  const object = await lookAtObject(context, placement, key)
  return object.what === 'own' ? countedFor(context, object) : undefined
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
