import type { ReserveCommand } from '../ledger/port.ts'
import { subjectId } from '../ledger/subject-id.ts'
import { ObjectKey } from '../object-key.ts'
import type { Capabilities } from '../stores/capabilities.ts'
import { placeRecorded } from '../stores/place-object.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import { creditHold } from './credit-hold.ts'
import { ownTicket } from './own-ticket.ts'
import { changedMeanwhile, recovering } from './refusal.ts'
import { noteText, type UploadNote } from './reservation-note.ts'
import { ticketPlace } from './ticket-place.ts'

/** Subject of the lock that keeps a second overwrite of the same object out. */
export function lockOf(
  context: Pick<GatewayContext, 'hashing' | 'ledger'>,
  place: ObjectPlace,
): string {
  const { store, bucket, key } = ticketPlace(place)
  const name = JSON.stringify([store, bucket, key])
  return subjectId(context.hashing, context.ledger.salt, 'o', '', name)
}

/** What the store must still find when the new object comes, so that no other one is replaced. */
export interface OverwriteConditions {
  /** The ETag that was looked at, as the store wants it. */
  readonly ifMatch?: string
  /** Nothing was there. */
  readonly mustBeNew?: true
}

/** What an upload must respect and remember of the object that it is to replace. */
export interface PreparedOverwrite {
  /** Absent when nothing is to be replaced. */
  readonly conditions: OverwriteConditions | undefined
  readonly note: UploadNote
}

/** Prepares an overwrite; any other upload goes on as it is. */
export async function prepareIfOverwrite(
  context: GatewayContext,
  command: ReserveCommand,
  note: UploadNote,
): Promise<PreparedOverwrite> {
  if (note.overwrite !== true) return { conditions: undefined, note }
  return prepareOverwrite(context, command, note)
}

/**
 * With the full new size reserved and the lock held: learns what the object replaces, so that its
 * bytes can be credited to those who were charged for them, and what must still be there. Old bytes
 * count only when their ticket shows that they were charged, and never on a versioned bucket, which
 * keeps them. Throws `StoreUnavailable` when the store does not answer.
 */
async function prepareOverwrite(
  context: GatewayContext,
  command: ReserveCommand,
  note: UploadNote,
): Promise<PreparedOverwrite> {
  const place = placeRecorded(context.config, note.place, ObjectKey.parse(note.key))
  const head = await context.storeClient.head(place)
  const { ifMatch, writeOnce } = place.placement.store.capabilities
  if (!head.found) {
    return { conditions: writeOnce === 'if-none-match' ? { mustBeNew: true } : {}, note }
  }
  // A replay after the PUT finds its own object: what that one replaced has been noted.
  const own = ownTicket(context, place, head)?.rid === command.rid
  // With it comes all that settles what was overwritten and never completed.
  const { chargedTicket } = await import('./charged.ts')
  const ticket = own ? undefined : await chargedTicket(context, place, head)
  const conditions = conditionsOf(ifMatch, head.etag)
  if (ticket === undefined || note.replaces?.rid === ticket.rid) return { conditions, note }
  const { partition, rid, fingerprint, subjects } = command
  const replacing: UploadNote = {
    ...note,
    replaces: {
      rid: ticket.rid,
      partition: ticket.partition,
      urlExpMs: ticket.urlExpMs,
      subjects: ticket.subjects,
      hold: creditHold(ticket),
      sizeBytes: head.sizeBytes,
    },
  }
  const reply = await context.ledger.finish({
    op: 'M',
    partition,
    rid,
    fingerprint,
    subjects,
    note: noteText(replacing),
    ifNote: command.note,
  })
  if (reply.code === 'FENCED') throw recovering('replace the object')
  if (reply.code !== 'OK') throw changedMeanwhile('replace the object', reply)
  return { conditions, note: replacing }
}

function conditionsOf(ifMatch: Capabilities['ifMatch'], etag: string): OverwriteConditions {
  if (ifMatch === 'quoted') return { ifMatch: etag }
  return ifMatch === 'bare' ? { ifMatch: etag.replaceAll('"', '') } : {}
}
