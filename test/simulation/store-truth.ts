import { parseNote } from '../../src/gateway/reservation-note.ts'
import type { LedgerRecord } from '../../src/ledger/decision.ts'
import type { ReservationState } from '../../src/ledger/port.ts'
import { entriesOf, totalOf } from './counter-books.ts'
import type { LedgerCopy } from './ledger-copy.ts'
import type { Part, Put } from './read-grant.ts'
import { MAX_TRANSFER_SECONDS } from './simulated-config.ts'
import type { SimulatedMultiparts } from './simulated-multiparts.ts'
import type { Arrival, StoredObject, StoreWatch } from './simulated-store.ts'
import type { Fail, Trace } from './violation.ts'

/** A grant that has left a gateway. */
interface OutGrant {
  urlExpMs: number
}

interface Real {
  bytes: number
  objects: number
}

/** A stored total of the plan: whose, and the counter's id. */
export interface StoredLimit {
  readonly id: number
  readonly counts: 'bytes' | 'objects'
  /** Subjects' ids start with this. */
  readonly letter: 'u' | 't'
  readonly limit: number
}

const MAX_TRANSFER_MS = MAX_TRANSFER_SECONDS * 1000
/** From the end of an upload of parts to its reservation's. */
const AFTER_PARTS_MS = 60_000

/**
 * What is really at the store, and which grants can still bring something there, against what the
 * ledger says: I6 and I7, and that no quota is ever exceeded by real bytes.
 */
export class StoreTruth implements StoreWatch {
  /** Deletions that hit an object that came after the look at the one that was meant. */
  misdeleted = 0
  /** Charged objects that an upload without a condition replaced, and did not know of. */
  displaced = 0
  /** The last grant for a key. */
  readonly lastGranted = new Map<string, Put>()
  readonly #real = new Map<string, Real>()
  readonly #grants = new Map<string, OutGrant>()
  /** Who is charged for an upload. */
  readonly #owners = new Map<string, readonly string[]>()
  /** The last state of every record, also of those that are forgotten. */
  readonly #states = new Map<string, ReservationState>()
  /** Charged objects that are gone without anybody who could credit them. */
  readonly #astray = new Map<string, number>()
  /** Objects whose bytes were credited. */
  readonly #credited = new Set<string>()
  /** Uploads at the store that a reservation has known, and its id. */
  readonly #recorded = new Map<string, string>()
  /** The store's upload of each reservation of parts, once a URL of it has left. */
  readonly #parts = new Map<string, string>()
  /** Objects that came later than any transfer may, and that nobody has charged or removed yet. */
  readonly #late = new Set<string>()
  /** Those of them that were charged after all. */
  readonly #admitted = new Set<string>()
  #dirty = false
  /** The latest that the ledger's clock has shown. */
  #latestMs = 0
  readonly #limits: readonly StoredLimit[]
  readonly #primary: () => LedgerCopy
  readonly #replica: () => LedgerCopy
  readonly #storeNowMs: () => number
  readonly #objects: () => ReadonlyMap<string, StoredObject>
  readonly #multiparts: () => SimulatedMultiparts
  readonly #creditIdOf: (key: string, rid: string) => string
  /** Whether nothing can look as if it were long ago. */
  readonly #calm: boolean
  /** Whether the store's clock is near the others, which find what nobody has recorded by its date. */
  readonly #punctual: boolean
  readonly #fail: Fail
  readonly #trace: Trace | undefined

  constructor(options: {
    calm: boolean
    punctual: boolean
    trace?: Trace | undefined
    limits: readonly StoredLimit[]
    primary: () => LedgerCopy
    replica: () => LedgerCopy
    storeNowMs: () => number
    objects: () => ReadonlyMap<string, StoredObject>
    multiparts: () => SimulatedMultiparts
    creditIdOf: (key: string, rid: string) => string
    fail: Fail
  }) {
    this.#limits = options.limits
    this.#primary = options.primary
    this.#replica = options.replica
    this.#storeNowMs = options.storeNowMs
    this.#objects = options.objects
    this.#multiparts = options.multiparts
    this.#creditIdOf = options.creditIdOf
    this.#calm = options.calm
    this.#punctual = options.punctual
    this.#fail = options.fail
    this.#trace = options.trace
  }

  /** I6: a grant leaves a gateway. Its reservation must be there, here and on the replica. */
  handedOut(put: Put): void {
    const { rid, urlExpMs, sizeBytes } = put
    this.#trace?.(() => `granted ${JSON.stringify(put)}`)
    this.lastGranted.set(put.key, put)
    const record = this.#primary().records.get(rid)
    if (record === undefined || record.state === 'V' || record.state === 'X') {
      this.#fail('I6', `a URL for ${rid} has left, and the reservation is ${record?.state}`)
      return
    }
    if (!this.#replica().records.has(rid)) {
      this.#fail('I6', `a URL for ${rid} has left, and a failover candidate does not know it`)
    }
    if (urlExpMs > record.expMs - MAX_TRANSFER_MS) {
      this.#fail('I6', `the URL for ${rid} ends ${urlExpMs}, its reservation ${record.expMs}`)
    }
    const known = this.#grants.get(rid)
    this.#grants.set(rid, { urlExpMs: Math.max(known?.urlExpMs ?? 0, urlExpMs) })
    if (record.state === 'P') this.#held(rid, record, sizeBytes)
  }

  /**
   * I6 and I11: URLs of parts leave a gateway. The reservation must hold all of the object and know
   * which upload of the store is its own, here and on the replica; and it is one for ever.
   */
  partsHandedOut(parts: readonly Part[], sizeBytes: number): void {
    const [first] = parts
    if (first === undefined) return
    const { rid, uploadId } = first
    this.#trace?.(() => `granted ${parts.length} parts ${JSON.stringify(first)}`)
    const known = this.#parts.get(rid)
    if (known !== undefined && known !== uploadId) {
      this.#fail('I11', `${rid} has been given out as ${known} and as ${uploadId}`)
    }
    this.#parts.set(rid, uploadId)
    const record = this.#primary().records.get(rid)
    if (record?.state !== 'P') {
      // Ended while its URLs were on their way: then they are of no use.
      if (this.#isOpen(uploadId)) {
        this.#fail('I6', `URLs for ${rid} have left, and the reservation is ${record?.state}`)
      }
      return
    }
    for (const { records } of [this.#primary(), this.#replica()]) {
      const noted = storeIdOf(records.get(rid))
      if (noted === uploadId) continue
      this.#fail('I6', `URLs for ${rid} as ${uploadId} have left, and it is noted as ${noted}`)
    }
    if (parts.some(({ urlExpMs }) => urlExpMs > record.expMs)) {
      this.#fail('I6', `a part URL for ${rid} ends after its reservation, ${record.expMs}`)
    }
    this.#held(rid, record, sizeBytes)
  }

  #held(rid: string, record: LedgerRecord, sizeBytes: number): void {
    this.#owners.set(rid, record.subjects)
    for (const { id, amount } of entriesOf(record.subjects, record.hold)) {
      const counts = this.#limits.find((limit) => limit.id === id)?.counts
      if (counts === 'bytes' && amount < sizeBytes) {
        this.#fail('I6', `a URL for ${sizeBytes} bytes has left, and ${rid} holds ${amount}`)
      }
    }
  }

  stored(key: string, object: StoredObject, { replaced, conditional }: Arrival): void {
    const { rid, sizeBytes } = object
    this.#trace?.(() => `stored ${key} ${rid} ${sizeBytes}, was ${replaced?.rid}`)
    if (replaced !== undefined) this.#count(replaced, -1)
    this.#astray.delete(rid)
    const isPut = !this.#parts.has(rid)
    if (isPut && !this.#usable(rid) && this.#states.get(rid) !== 'S') this.#late.add(rid)
    this.#count(object, 1)
    if (replaced !== undefined && replaced.rid !== rid && !conditional) {
      this.#displace(replaced, rid)
    }
  }

  /** What was replaced without a condition is credited only if whoever did it knew of it. */
  #displace({ rid, sizeBytes }: StoredObject, byRid: string): void {
    const record = this.#primary().records.get(byRid)
    const note = record === undefined ? undefined : parseNote(record.note)
    const known = note?.kind === 'upload' && note.replaces?.rid === rid
    if (known && this.#calm) return
    if (!known) this.displaced += 1
    this.#astray.set(rid, sizeBytes)
  }

  /** An upload of parts is aborted: one that was given out only by those who know whose it is. */
  aborted(uploadId: string, listed: boolean): void {
    this.#trace?.(() => `aborted ${uploadId}${listed ? ', listed' : ''}`)
    const upload = this.#multiparts().uploads.get(uploadId)
    // One whose key is taken may not be completed any more.
    if (!listed || upload === undefined || this.#objects().has(upload.key)) return
    for (const [rid, given] of this.#parts) {
      const record = given === uploadId ? this.#primary().records.get(rid) : undefined
      if (record?.state !== 'P' || isGivenUp(record)) continue
      if (this.#latestMs >= record.expMs - AFTER_PARTS_MS) continue
      this.#fail('I11', `${uploadId} of ${rid} was aborted for another upload's sake`)
    }
  }

  /** I11: what the ledger knows of an upload that was given out, or given up, is never forgotten. */
  amended(rid: string, before: LedgerRecord | undefined, record: LedgerRecord): void {
    if (isGivenUp(before) && !isGivenUp(record)) this.#fail('I11', `${rid} is not aborted any more`)
    const noted = storeIdOf(record)
    if (noted !== undefined) this.#recorded.set(noted, rid)
    const uploadId = this.#parts.get(rid)
    if (uploadId === undefined || noted === uploadId) return
    this.#fail('I11', `${rid} was given out as ${uploadId}, and is ${noted} now`)
  }

  removed(key: string, object: StoredObject): void {
    this.#trace?.(() => `removed ${key} ${object.rid} ${object.sizeBytes}`)
    this.#count(object, -1)
    const { records } = this.#primary()
    const credit = records.get(this.#creditIdOf(key, object.rid))
    const condemned = records.get(object.rid)?.state === 'D'
    if (condemned || (credit !== undefined && credit.state !== 'V')) return
    // Without a conditional DELETE a store cannot tell that another object is there by now.
    this.misdeleted += 1
    this.#astray.set(object.rid, object.sizeBytes)
  }

  changed(rid: string, state: ReservationState): void {
    this.#states.set(rid, state)
    if (state !== 'S' || !this.#late.delete(rid)) return
    this.#admitted.add(rid)
    for (const object of this.#objects().values()) if (object.rid === rid) this.#count(object, 1)
  }

  isCharged(rid: string): boolean {
    return this.#states.get(rid) === 'S'
  }

  /** A reservation has ended without an object: no grant may be able to bring one any more. */
  released(rid: string, state: string): void {
    if (this.#usable(rid)) this.#fail('I6', `${rid} became ${state} while its URL can be used`)
  }

  /** A deleted object's bytes are credited: its own URL must not bring it back. */
  credited(rid: string): void {
    this.#credited.add(rid)
    if (this.#usable(rid)) this.#fail('I7', `${rid} was credited while its URL can be used`)
  }

  /** A record is forgotten: only ended ones ever are. */
  forgotten(rid: string): void {
    if (this.#states.get(rid) === 'P') this.#fail('I3', `${rid} was forgotten while pending`)
    if (this.#usable(rid)) this.#fail('I6', `${rid} was forgotten while its URL can be used`)
    this.#grants.delete(rid)
    this.#parts.delete(rid)
  }

  /** What the ledger's clock has shown. */
  saw(nowMs: number): void {
    this.#latestMs = Math.max(this.#latestMs, nowMs)
  }

  ledgerChanged(): void {
    this.#dirty = true
  }

  /** Whatever the new primary lacks, no grant that is out may hang on it. */
  failedOver(): void {
    this.#dirty = true
    this.#forgetAdmitted()
    for (const [uploadId, rid] of this.#recorded) {
      const record = this.#primary().records.get(rid)
      const isLost = record?.state === 'P' && storeIdOf(record) !== uploadId
      if (isLost && this.#parts.get(rid) !== uploadId) this.#recorded.delete(uploadId)
    }
    for (const rid of [...this.#grants.keys(), ...this.#parts.keys()]) {
      const state = this.#primary().records.get(rid)?.state
      const held = state === 'P' || state === 'S' || state === 'D'
      if (!held && this.#usable(rid)) this.#fail('I6', `${rid} is ${state} after a failover`)
    }
  }

  /** A late object whose charge a failover has lost is the auditor's, if nobody asks for it again. */
  #forgetAdmitted(): void {
    for (const rid of this.#admitted) {
      const state = this.#primary().records.get(rid)?.state
      if (state !== 'V' && state !== 'X') continue
      this.#admitted.delete(rid)
      for (const object of this.#objects().values()) {
        if (object.rid === rid) this.#count(object, -1)
      }
      this.#states.set(rid, state)
      this.#late.add(rid)
    }
  }

  /** Uploads at the store that nobody has ever recorded: without parts, as no URL has left. */
  get unrecorded(): number {
    return this.#multiparts().uploads.size
  }

  /** After every step: no quota is exceeded by real bytes, and all that is real is charged or held. */
  check(): void {
    if (!this.#dirty) return
    this.#dirty = false
    const { subjects } = this.#primary()
    for (const [subject, real] of this.#real) {
      for (const limit of this.#limits) {
        if (!subject.startsWith(limit.letter)) continue
        const { posted, pending } = totalOf(subjects.get(subject), limit.id)
        const there = real[limit.counts]
        if (there > posted + pending) {
          this.#fail('I7', `${subject}: ${there} ${limit.counts} are there, ${posted} + ${pending}`)
        }
        if (there > limit.limit) {
          this.#fail('I2', `${subject}: ${there} ${limit.counts} are there, ${limit.limit} allowed`)
        }
      }
    }
  }

  /** Whether anything must still come to its end. */
  get unended(): boolean {
    for (const [rid] of this.#primary().due) if (!this.#waitsForDeletion(rid)) return true
    return false
  }

  /** The credit of an object that was deleted and came back by its URL: it holds nothing, and waits. */
  #waitsForDeletion(rid: string): boolean {
    const record = this.#primary().records.get(rid)
    const note = record === undefined ? undefined : parseNote(record.note)
    if (record?.state !== 'P' || note?.kind !== 'delete') return false
    return this.#objects().get(`${note.place[1]}/${note.key}`)?.rid === note.uploadId
  }

  /** I4 and I7 at rest. */
  checkAtRest(): void {
    const { subjects, records, due } = this.#primary()
    for (const [rid, record] of records) {
      if (record.state === 'P' && !this.#waitsForDeletion(rid)) {
        this.#fail('I4', `${rid} is still pending at rest`)
      }
    }
    for (const [rid] of due) {
      if (!this.#waitsForDeletion(rid)) this.#fail('I4', `${rid} is still in the index at rest`)
    }
    for (const [key, { rid }] of this.#objects()) {
      // The auditor's, where its client never asked for it to be completed.
      if (this.#late.has(rid)) continue
      const state = this.#states.get(rid)
      if (state !== 'S') this.#fail('I7', `${key} of ${rid} is there, its record is ${state}`)
    }
    for (const [uploadId, { key, parts, rid }] of this.#multiparts().uploads) {
      const nobodys = parts.size === 0 && !this.#recorded.has(uploadId)
      if (nobodys && !this.#punctual) continue
      this.#fail('I11', `${uploadId} of ${rid} for ${key} is still open at rest`)
    }
    const astray = this.#astraySums()
    for (const [subject, real] of this.#real) {
      for (const { id, counts, letter } of this.#limits) {
        if (!subject.startsWith(letter)) continue
        const { posted, pending } = totalOf(subjects.get(subject), id)
        const expected = real[counts] + (astray.get(subject)?.[counts] ?? 0)
        if (posted !== expected || pending !== 0) {
          this.#fail(
            'I7',
            `${subject} at rest: ${posted} + ${pending} ${counts}, ${expected} are there`,
          )
        }
      }
    }
  }

  #astraySums(): Map<string, Real> {
    const sums = new Map<string, Real>()
    for (const [rid, sizeBytes] of this.#astray) {
      if (this.#states.get(rid) !== 'S' || this.#credited.has(rid)) continue
      for (const subject of this.#owners.get(rid) ?? []) {
        const sum = sums.get(subject) ?? { bytes: 0, objects: 0 }
        sums.set(subject, { bytes: sum.bytes + sizeBytes, objects: sum.objects + 1 })
      }
    }
    return sums
  }

  #usable(rid: string): boolean {
    const uploadId = this.#parts.get(rid)
    if (uploadId !== undefined) return this.#isOpen(uploadId)
    const grant = this.#grants.get(rid)
    return grant !== undefined && this.#storeNowMs() < grant.urlExpMs + MAX_TRANSFER_MS
  }

  #isOpen(uploadId: string): boolean {
    return this.#multiparts().uploads.has(uploadId)
  }

  #count({ rid, sizeBytes }: StoredObject, sign: 1 | -1): void {
    this.#dirty = true
    if (this.#late.has(rid)) {
      if (sign < 0) this.#late.delete(rid)
      return
    }
    for (const subject of this.#owners.get(rid) ?? []) {
      let real = this.#real.get(subject)
      if (real === undefined) {
        real = { bytes: 0, objects: 0 }
        this.#real.set(subject, real)
      }
      real.bytes += sign * sizeBytes
      real.objects += sign
    }
  }
}

function isGivenUp(record: LedgerRecord | undefined): boolean {
  const note = record === undefined ? undefined : parseNote(record.note)
  return note?.kind === 'upload' && note.aborted === true
}

/** The store's upload id that a reservation knows. */
function storeIdOf(record: LedgerRecord | undefined): string | undefined {
  const note = record === undefined ? undefined : parseNote(record.note)
  return note?.kind === 'upload' ? note.multipart?.id : undefined
}
