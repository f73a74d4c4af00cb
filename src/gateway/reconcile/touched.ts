import type { Reservation } from '../../ledger/port.ts'
import { subjectId } from '../../ledger/subject-id.ts'
import type { GatewayContext } from '../context.ts'
import type { namesOf } from '../ledger-report.ts'
import { parseNote, postedMsIn, type ReservationNote } from '../reservation-note.ts'
import type { RunSums } from './sums.ts'

/** Whether something may have been posted to a subject lately, or is about to be. */
export type IsTouched = (subject: string) => boolean

/** Reservations of a partition that are looked through; with more of them all is busy. */
const MAX_RECENT = 10_000

/**
 * Which subjects of a partition have had, since a moment, anything posted to a stored total, or may have
 * what was counted before taken back: whoever owns it. To be asked after the totals have been read.
 * Throws `LedgerUnavailable`; `Overloaded` where the ledger cannot be looked through in time.
 */
export async function touchedSince(
  context: GatewayContext,
  {
    partition,
    sinceMs,
    sums,
    nameOf,
  }: {
    readonly partition: number
    readonly sinceMs: number
    readonly sums: Pick<RunSums, 'has'>
    readonly nameOf: ReturnType<typeof namesOf>
  },
): Promise<IsTouched> {
  const request = { partition, sinceMs, settledMs: postedMsIn, limit: MAX_RECENT }
  const recent = await context.ledger.recent(request)
  if (recent.length === MAX_RECENT) return () => true
  const touched = new Set<string>()
  for (const reservation of recent) {
    if (isCounted(reservation, sums)) continue
    const subjects = subjectsOf(context, reservation, nameOf)
    if (subjects === undefined) return () => true
    for (const subject of subjects) touched.add(subject)
  }
  return (subject) => touched.has(subject)
}

/**
 * An upload that was found settled, and counted; and a deletion that has not come yet of what was
 * counted, also one that its store refuses for ever: neither makes total and sum differ.
 */
function isCounted({ state, rid }: Reservation, sums: Pick<RunSums, 'has'>): boolean {
  return state === (rid.startsWith('del_') ? 'P' : 'S') && sums.has(rid)
}

/** `undefined`: nobody knows whose totals it changes. */
function subjectsOf(
  { capacity, hashing, ledger }: GatewayContext,
  { partition, state, subjects, note: text }: Reservation,
  nameOf: ReturnType<typeof namesOf>,
): readonly string[] | undefined {
  const note = noteOrNone(text)
  if (note === undefined) return undefined
  // A pending upload has posted nothing; but what it replaces may be credited by it.
  if (state === 'P') return note.kind === 'upload' ? (note.replaces?.subjects ?? []) : subjects
  // An ended one keeps its owner alone: the user, whose tenant counts as well, and the store.
  const [owner = ''] = subjects
  if (note.kind === 'adjust') return [owner]
  // Of a deletion the note names who deleted, and that may be somebody else.
  const tenant =
    note.kind === 'upload' ? note.tenant : nameOf({ subject: owner, limitId: 0 }).tenant
  if (tenant === undefined) return undefined
  const store = capacity.subjectOf(note.place[0], partition)
  return [owner, subjectId(hashing, ledger.salt, 't', tenant, ''), store]
}

// What this version did not write may concern anybody.
function noteOrNone(text: string): ReservationNote | undefined {
  try {
    return parseNote(text)
  } catch {
    return undefined
  }
}
