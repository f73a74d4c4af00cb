import { GatewayError } from '../../errors.ts'
import type { Reservation } from '../../ledger/port.ts'
import { subjectId } from '../../ledger/subject-id.ts'
import type { GatewayContext } from '../context.ts'
import { reserveCredit } from '../credit.ts'
import { creditDigest, creditId } from '../credit-hold.ts'
import { lastByteMs } from '../last-byte.ts'
import { ownTicket, TICKET_NAME } from '../own-ticket.ts'
import { placeOf } from '../place-of.ts'
import {
  noteText,
  postedMsIn,
  type UploadNote,
  uploadNoteOf,
  urlExpiryMs,
} from '../reservation-note.ts'
import { isListed } from './places.ts'
import type { ReconcileRun } from './run.ts'
import type { RunSums } from './sums.ts'

/** A remembered upload whose object is gone or has another size: what it could be credited is not known. */
export interface OpenCredit {
  readonly reservation: Reservation
  readonly note: UploadNote
  /** Its user, its tenant and its store: it may be in totals of all. */
  readonly subjects: readonly string[]
  readonly isGone: boolean
}

/** What remembered uploads say about the totals that differ. */
export interface SettledLooks {
  readonly credits: readonly OpenCredit[]
  /** Subjects whose totals must wait, and for what. */
  readonly waiting: ReadonlyMap<string, 'busy' | 'unclear' | 'versioned'>
}

interface LookOptions {
  readonly partition: number
  readonly run: Pick<ReconcileRun, 'places'>
  readonly sums: Pick<RunSums, 'has'>
  /** What was posted from then on was not before the run. */
  readonly sinceMs: number
  /** Called between looks; throws to end them. */
  readonly goOn: () => Promise<void>
}

/** Settled uploads that are looked for; where there are more, totals are not changed. */
const MAX_LOOKS = 10_000
const LOOKS_AT_ONCE = 16
/** How long one partition is looked at, in milliseconds: what is left waits. */
const LOOKS_MS = 30_000
const UNDATED_MS = 60_000

/**
 * Looks for all that is remembered to have been settled for those whose totals differ, whoever is
 * configured: what is gone, or has another size than was settled, has one credit that could still come,
 * by an event that is late, and must come no more once a total is put right. What cannot be told makes
 * its user and its tenant wait. Throws `StoreUnavailable`, `LedgerUnavailable`.
 */
export async function lookAtSettled(
  context: GatewayContext,
  differing: ReadonlySet<string>,
  options: LookOptions,
): Promise<SettledLooks> {
  const credits: OpenCredit[] = []
  const waiting = new Map<string, 'busy' | 'unclear' | 'versioned'>()
  if (differing.size === 0) return { credits, waiting }
  const remembered = await settledIn(context, options.partition)
  if (remembered === undefined) {
    return { credits, waiting: new Map([...differing].map((subject) => [subject, 'busy'])) }
  }
  const uploads = remembered.filter(({ subjects }) => subjects.some((each) => differing.has(each)))
  const untilMs = context.clock.nowMs() + LOOKS_MS
  for (let first = 0; first < uploads.length; first += LOOKS_AT_ONCE) {
    const isLate = context.clock.nowMs() >= untilMs
    if (!isLate) await options.goOn()
    const some = uploads.slice(first, first + LOOKS_AT_ONCE)
    const looks = some.map((each) => (isLate ? 'busy' : lookFor(context, each, options)))
    for (const [at, look] of (await Promise.all(looks)).entries()) {
      if (typeof look === 'object') credits.push(look)
      else if (look !== 'fine') for (const each of some[at]?.subjects ?? []) waiting.set(each, look)
    }
  }
  return { credits, waiting }
}

type Settled = Omit<OpenCredit, 'isGone'>

/** `undefined` where the ledger cannot tell: there are too many, or one that cannot be read. */
async function settledIn(
  context: GatewayContext,
  partition: number,
): Promise<readonly Settled[] | undefined> {
  const { capacity, hashing, ledger } = context
  try {
    const request = { partition, sinceMs: 0, settledMs: postedMsIn, limit: MAX_LOOKS }
    const all = await ledger.recent(request)
    if (all.length >= MAX_LOOKS) return undefined
    return all.flatMap((reservation) => {
      const note = reservation.state === 'S' ? uploadNoteOf(reservation) : undefined
      if (note === undefined) return []
      const [owner = ''] = reservation.subjects
      const tenant = subjectId(hashing, ledger.salt, 't', note.tenant, '')
      const store = capacity.subjectOf(note.place[0], partition)
      return [{ reservation, note, subjects: [owner, tenant, store] }]
    })
  } catch (error) {
    const code = error instanceof GatewayError ? error.code : undefined
    // Also a note that this version did not write: it may be anybody's.
    if (code !== 'Overloaded' && code !== 'InternalError') throw error
    context.log.warn('reconcile.not_told', { partition, error })
    return undefined
  }
}

async function lookFor(
  context: GatewayContext,
  upload: Settled,
  { run, sums, sinceMs }: LookOptions,
): Promise<OpenCredit | 'fine' | 'busy' | 'unclear' | 'versioned'> {
  const { reservation, note } = upload
  // It lies where this run has not looked, and is charged.
  if (!isListed(run.places, note)) return 'unclear'
  const place = placeOf(context, note)
  const { partition, rid } = reservation
  const credit = creditId(creditDigest(context, place, rid))
  const known = await context.ledger.find({ partition, rid: credit })
  // A deletion that is pending credits exactly what was counted, whenever it does.
  if (known?.state === 'P') return sums.has(credit) ? 'fine' : 'busy'
  if (known !== undefined && (postedMsIn(known.note) ?? sinceMs) >= sinceMs) return 'busy'
  const nowMs = context.ledgerTime.nowMs()
  const head = await context.storeClient.head({ ...place, background: true })
  const ticket = head.found ? ownTicket(context, place, head) : undefined
  const isThere = ticket?.rid === rid
  // It is there and was not listed: a store whose listings lag.
  if (isThere && !sums.has(rid)) return 'busy'
  if (isThere && head.found && head.sizeBytes === reservation.actual) return 'fine'
  if (head.found && ticket === undefined && head.metadata.has(TICKET_NAME)) return 'unclear'
  // Credited before the run by Signet, or used up by an earlier one.
  if (known !== undefined) return 'fine'
  const storeNowMs = head.storeNowMs ?? nowMs - UNDATED_MS
  if (storeNowMs < lastByteMs(context, reservation, note)) return 'busy'
  if (!isThere && note.versionId !== undefined) return 'versioned'
  return { ...upload, isGone: !isThere }
}

/**
 * Uses a credit up, for nothing. False: somebody else has it, or it is not known, and what it is for may
 * have been posted since the totals were read. Throws `LedgerUnavailable`.
 */
export async function useUp(
  context: GatewayContext,
  { reservation, note }: OpenCredit,
): Promise<boolean> {
  const { partition, rid, subjects, expMs, actual } = reservation
  const place = placeOf(context, note)
  const nothing = { subjects: subjects.slice(0, 1), hold: [0], sizeBytes: actual }
  const urlExpMs = urlExpiryMs(expMs, note.afterUrlMs)
  const where = { tenant: note.tenant, bucket: note.bucket, place }
  const credit = await reserveCredit(context, where, { rid, partition, urlExpMs, ...nothing })
  if (!credit.isNew) return false
  const { fingerprint, rid: creditRid } = credit.reservation
  const reply = await context.ledger.finish({
    ...{ op: 'S', partition, rid: creditRid, fingerprint, subjects: nothing.subjects },
    ...{ actualBytes: 0, storedDelta: 0, objectsDelta: 0 },
    note: noteText({ ...credit.note, postedMs: Math.floor(context.ledgerTime.nowMs()) }),
  })
  return reply.code === 'OK'
}
