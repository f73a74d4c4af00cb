import { GatewayError } from '../errors.ts'
import type { Reservation } from '../ledger/port.ts'
import { subjectId } from '../ledger/subject-id.ts'
import type { GatewayContext } from './context.ts'
import { reserveCredit } from './credit.ts'
import { creditDigest, creditId } from './credit-hold.ts'
import { lastByteMs } from './last-byte.ts'
import { ownTicket } from './own-ticket.ts'
import type { ObjectFinding, TotalFinding } from './reconcile-finding.ts'
import { noteText, type UploadNote, uploadNoteOf, urlExpiryMs } from './reservation-note.ts'
import { placeOf } from './settle.ts'
import { someAtATime } from './some-at-a-time.ts'

/** Objects that were settled lately and have left past Signet. */
export interface GoneObjects {
  readonly findings: readonly ObjectFinding[]
  /** Subjects whose totals must wait: an object may still come back, or nobody can tell. */
  readonly waiting: ReadonlySet<string>
  /** One of them was an object with versions, which are still there. */
  readonly versioned: boolean
}

type Lower = Pick<TotalFinding, 'subject' | 'tenant' | 'user'>

const PAGE = 1_000
/** Settled uploads that are looked for; where there are more, totals are not lowered. */
const MAX_LOOKS = 10_000
const LOOKS_AT_ONCE = 16
const UNDATED_MS = 60_000

/**
 * Finds what is remembered to have been settled and is not there, of those whose totals are about to be
 * lowered. With `repair` the one credit that each of them could bring is used up, for nothing: the total
 * itself is put right, and an event that comes late must not do it once more. Throws `StoreUnavailable`,
 * `LedgerUnavailable`.
 */
export async function findGone(
  context: GatewayContext,
  lower: readonly Lower[],
  { partition, repair }: { readonly partition: number; readonly repair: boolean },
): Promise<GoneObjects> {
  const waiting = new Set<string>()
  const findings: ObjectFinding[] = []
  let versioned = false
  let looks = 0
  for (const owner of ownersOf(context, lower)) {
    const settled = await settledBy(context, { owner: owner.subject, partition })
    looks += settled?.length ?? MAX_LOOKS
    if (settled === undefined || looks > MAX_LOOKS) {
      return { findings, waiting: new Set(lower.map(({ subject }) => subject)), versioned }
    }
    const looked = await someAtATime(settled, LOOKS_AT_ONCE, (each) => lookFor(context, each))
    for (const each of looked) {
      if (each === undefined) continue
      versioned ||= each.note.versionId !== undefined
      if (each.mayReturn) for (const subject of [owner.subject, owner.tenant]) waiting.add(subject)
      else findings.push(await useUp(context, each, repair))
    }
  }
  return { findings, waiting, versioned }
}

interface Owner {
  readonly subject: string
  /** Subject id of its tenant. */
  readonly tenant: string
}

/** Whose uploads may be in these totals: the users themselves, and all users of the tenants. */
function ownersOf({ config, hashing, ledger }: GatewayContext, lower: readonly Lower[]): Owner[] {
  const owners = new Map<string, Owner>()
  for (const { tenant, user } of lower) {
    if (tenant === undefined) continue
    const { salt } = ledger
    const users = user === undefined ? (config.tenants.get(tenant)?.users.keys() ?? []) : [user]
    const ofTenant = subjectId(hashing, salt, 't', tenant, '')
    for (const name of users) {
      const subject = subjectId(hashing, salt, 'u', tenant, name)
      owners.set(subject, { subject, tenant: ofTenant })
    }
  }
  return [...owners.values()]
}

/** Uploads of an owner that are remembered as settled; `undefined` when there are too many to tell. */
async function settledBy(
  context: GatewayContext,
  { owner, partition }: { readonly owner: string; readonly partition: number },
): Promise<readonly Reservation[] | undefined> {
  const settled: Reservation[] = []
  try {
    for (;;) {
      const after = settled.at(-1)?.rid
      const page = await context.ledger.list({
        ...{ partition, owner, states: ['S'], ridPrefix: 'up_', limit: PAGE },
        ...(after !== undefined && { after }),
      })
      settled.push(...page)
      if (page.length < PAGE) return settled
      if (settled.length > MAX_LOOKS) return undefined
    }
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'Overloaded') return undefined
    throw error
  }
}

interface Gone {
  readonly reservation: Reservation
  readonly note: UploadNote
  /** Its URL may still bring it back. */
  readonly mayReturn: boolean
}

/** `undefined` for one that is there, and for one whose credit is known: Signet has deleted it. */
async function lookFor(
  context: GatewayContext,
  reservation: Reservation,
): Promise<Gone | undefined> {
  const note = uploadNoteOf(reservation)
  if (note === undefined || !context.config.stores.has(note.place[0])) return undefined
  const place = placeOf(context, note)
  const { partition, rid } = reservation
  const credit = creditId(creditDigest(context, place, rid))
  if ((await context.ledger.find({ partition, rid: credit })) !== undefined) return undefined
  const nowMs = context.ledgerTime.nowMs()
  const head = await context.storeClient.head({ ...place, background: true })
  if (head.found && ownTicket(context, place, head)?.rid === rid) return undefined
  const storeNowMs = head.storeNowMs ?? nowMs - UNDATED_MS
  return { reservation, note, mayReturn: storeNowMs < lastByteMs(context, reservation, note) }
}

async function useUp(
  context: GatewayContext,
  { reservation, note }: Gone,
  repair: boolean,
): Promise<ObjectFinding> {
  const { partition, rid, subjects, expMs, actual } = reservation
  const [store, bucket] = note.place
  if (repair) {
    const place = placeOf(context, note)
    const nothing = { subjects: subjects.slice(0, 1), hold: [0], sizeBytes: actual }
    const urlExpMs = urlExpiryMs(expMs, note.afterUrlMs)
    const where = { tenant: note.tenant, bucket: note.bucket, place }
    const credit = await reserveCredit(context, where, { rid, partition, urlExpMs, ...nothing })
    const { fingerprint, rid: creditRid } = credit.reservation
    await context.ledger.finish({
      ...{ op: 'S', partition, rid: creditRid, fingerprint, subjects: nothing.subjects },
      ...{ actualBytes: 0, storedDelta: 0, objectsDelta: 0 },
      note: noteText({ ...credit.note, postedMs: Math.floor(context.ledgerTime.nowMs()) }),
    })
  }
  return {
    ...{ kind: 'gone', action: repair ? 'counted' : 'open', store, bucket, key: note.key },
    ...{ uploadId: rid, recordedBytes: actual },
  }
}
