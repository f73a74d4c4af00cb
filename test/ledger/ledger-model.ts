import type { AdmitReply, FinishReply, ReservationState } from '../../src/ledger/port.ts'

// What the ledger promises, told a second time from `ledger.md` alone: objects and Maps, copied before
// each step. Nothing is shared with `src/ledger/` but the types of the replies.

/** What is counted, in words; `KIND_NUMBERS` has the port's numbers. */
export type Counted = 'bytes' | 'uploads' | 'requests' | 'stored' | 'slot' | 'objects'

export const KIND_NUMBERS: Record<Counted, number> = {
  bytes: 0,
  uploads: 1,
  requests: 2,
  stored: 3,
  slot: 4,
  objects: 5,
}

export interface ModelRate {
  readonly id: number
  readonly costUs: number
  readonly burstUs: number
}
export interface ModelClaim {
  readonly id: number
  readonly window: number
  readonly amount: number
  readonly counted: Counted
  /** The limit in force. */
  readonly allowed: number
}
export interface Share {
  readonly subject: string
  readonly rates: readonly ModelRate[]
  readonly claims: readonly ModelClaim[]
}
export interface Admission {
  readonly op: 'R' | 'Q' | 'C'
  readonly rid: string
  readonly fingerprint: string
  readonly shares: readonly Share[]
  readonly from: number
  readonly until: number
  readonly deadlineMs: number
  readonly ttlMs: number
  readonly lookMs: number
  readonly note: string
  /** What is reserved instead of one: `shares` is what they come to together. */
  readonly batch?: readonly BatchAsk[]
}
export interface BatchAsk {
  readonly rid: string
  readonly shares: readonly Share[]
  readonly note: string
}
export interface Finishing {
  readonly op: 'S' | 'V' | 'X' | 'M' | 'L' | 'G' | 'A'
  readonly rid: string
  readonly fingerprint: string
  /** Of the ticket, for L and A; the others use the record's. */
  readonly shares: readonly Share[]
  readonly actual: { readonly bytes: number; readonly stored: number; readonly objects: number }
  readonly lookMs: number | undefined
  readonly expMs: number | undefined
  readonly note: string | undefined
}

interface Counter {
  window: number
  posted: number
  pending: number
}
interface Account {
  readonly rates: Map<number, number>
  readonly newest: Map<number, Counter>
  readonly older: Map<number, Counter>
}
export interface ModelRecord {
  state: ReservationState
  readonly fingerprint: string
  readonly expMs: number
  readonly shares: readonly Share[]
  readonly note: string
  readonly actual: number
  readonly over: number
}

const EPOCH_2025 = Date.UTC(2025, 0, 1)
/** What a counter holds at most, posted and pending together. */
const MOST = 2n ** 52n

export class LedgerModel {
  accounts = new Map<string, Account>()
  records = new Map<string, ModelRecord>()
  /** rid → next look: what is pending, or condemned and not yet deleted. */
  looks = new Map<string, number>()

  admit(ask: Admission, nowMs: number): AdmitReply {
    const standing = this.records.get(ask.rid)
    if (ask.op === 'R' && standing !== undefined) {
      if (standing.fingerprint === ask.fingerprint) return this.#stands('EXISTS', standing, nowMs)
      return { code: 'CONFLICT', nowMs, state: standing.state }
    }
    for (const { rid } of ask.batch ?? []) {
      const taken = this.records.get(rid)
      if (taken !== undefined) return { code: 'CONFLICT', nowMs, state: taken.state }
    }
    if (ask.deadlineMs !== 0 && ask.deadlineMs < nowMs) return { code: 'STALE', nowMs }
    if (nowMs < ask.from || ask.until <= nowMs) return { code: 'PERIOD', nowMs }
    const accounts = copyFor(ask.shares, this.accounts)
    const levels: number[] = []
    const denied: number[] = []
    let position = 0
    for (const share of ask.shares) {
      const account = accountIn(accounts, share.subject)
      for (const rate of share.rates) {
        position += 1
        const room = roomOf(account, rate, nowMs)
        levels.push(room)
        if (rate.costUs > 0 && rate.costUs > room) denied.push(position)
        const nowUs = (nowMs - EPOCH_2025) * 1000
        account.rates.set(rate.id, nowUs + rate.burstUs - room + rate.costUs)
      }
      for (const claim of share.claims) {
        position += 1
        const counter = enter(account, claim)
        if (counter === undefined) return { code: 'PERIOD', nowMs }
        levels.push(counter.posted, counter.pending)
        const full = counter.posted + counter.pending + claim.amount > claim.allowed
        if (full && claim.amount > 0) denied.push(position)
        counter[ask.op === 'C' ? 'posted' : 'pending'] += claim.amount
      }
    }
    if (denied.length > 0) return { code: 'DENIED', nowMs, denied, levels }
    if (ask.op === 'Q') return { code: 'OK', nowMs, expMs: 0, levels }
    this.#keep(accounts)
    if (ask.op === 'C') return { code: 'OK', nowMs, expMs: 0, levels }
    const expMs = nowMs + ask.ttlMs
    for (const { rid, shares, note } of ask.batch ?? [ask]) {
      const { fingerprint } = ask
      this.records.set(rid, { state: 'P', fingerprint, expMs, shares, note, actual: -1, over: 0 })
      this.looks.set(rid, nowMs + ask.lookMs)
    }
    return { code: 'OK', nowMs, expMs, levels }
  }

  finish(ask: Finishing, nowMs: number): FinishReply {
    const record = this.records.get(ask.rid)
    if (record !== undefined && record.fingerprint !== ask.fingerprint) {
      return { code: 'CONFLICT', nowMs, state: record.state }
    }
    if (ask.op === 'A') return this.#reassert(ask, record, nowMs)
    if (ask.op === 'L') return this.#late(ask, record, nowMs)
    if (record === undefined) return { code: 'UNKNOWN', nowMs }
    if (ask.op === 'G') {
      if (record.state !== 'D') return this.#stands('TERMINAL', record, nowMs)
      this.records.set(ask.rid, { ...record, note: ask.note ?? record.note })
      this.looks.delete(ask.rid)
      return { code: 'OK', nowMs, over: 0 }
    }
    if (ask.op === 'M') {
      if (record.state !== 'P') return this.#stands('TERMINAL', record, nowMs)
      const expMs = Math.max(record.expMs, ask.expMs ?? record.expMs)
      this.records.set(ask.rid, { ...record, note: ask.note ?? record.note, expMs })
      if (ask.lookMs !== undefined) this.looks.set(ask.rid, nowMs + ask.lookMs)
      return { code: 'OK', nowMs, over: 0 }
    }
    if (record.state !== 'P') {
      const again =
        record.state === ask.op && (ask.op !== 'S' || record.actual === ask.actual.bytes)
      return this.#stands(again ? 'DUP' : 'TERMINAL', record, nowMs)
    }
    if (ask.op === 'X' && nowMs < record.expMs) return { code: 'EARLY', nowMs, expMs: record.expMs }
    return this.#end(ask, record, nowMs)
  }

  claim(nowMs: number, leaseMs: number, limit: number): string[] {
    const due = [...this.looks]
      .filter(([, at]) => at <= nowMs)
      .sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1))
    const rids = due.slice(0, limit).map(([rid]) => rid)
    for (const rid of rids) this.looks.set(rid, nowMs + leaseMs)
    return rids
  }

  #end(ask: Finishing, record: ModelRecord, nowMs: number): FinishReply {
    const settles = ask.op === 'S'
    const change = (claim: ModelClaim) => ({
      posted: claim.counted === 'requests' ? claim.amount : settles ? landed(claim, ask.actual) : 0,
      pending: -claim.amount,
    })
    const outcome = this.#post(record.shares, change)
    if (outcome.corrupt !== undefined) return { code: 'CORRUPT', nowMs, position: outcome.corrupt }
    this.#keep(outcome.accounts)
    const over = settles ? Math.max(0, ask.actual.bytes - reservedBytes(record.shares)) : 0
    const actual = settles ? ask.actual.bytes : -1
    const state = ask.op as 'S' | 'V' | 'X'
    const shares = ownerOf(record.shares)
    const note = ask.note ?? record.note
    this.records.set(ask.rid, { ...record, shares, state, actual, over, note })
    this.looks.delete(ask.rid)
    return { code: 'OK', nowMs, over }
  }

  #late(ask: Finishing, record: ModelRecord | undefined, nowMs: number): FinishReply {
    if (record !== undefined && !['V', 'X'].includes(record.state)) {
      return this.#stands('EXISTS', record, nowMs)
    }
    const spent = record !== undefined
    const outcome = this.#post(ask.shares, (claim) => ({
      posted: claim.counted === 'requests' ? (spent ? 0 : claim.amount) : landed(claim, ask.actual),
      pending: 0,
    }))
    if (outcome.corrupt !== undefined) return { code: 'CORRUPT', nowMs, position: outcome.corrupt }
    const { fingerprint } = ask
    const shares = ownerOf(ask.shares)
    const note = ask.note ?? ''
    const kept = { fingerprint, shares, note, expMs: record?.expMs ?? nowMs, over: 0 }
    if (outcome.above.length > 0) {
      this.records.set(ask.rid, { ...kept, state: 'D', actual: ask.actual.bytes })
      this.looks.set(ask.rid, nowMs + (ask.lookMs ?? 0))
      return { code: 'DENIED', nowMs, denied: outcome.above.map(({ position }) => position) }
    }
    this.#keep(outcome.accounts)
    this.records.set(ask.rid, { ...kept, state: 'S', actual: ask.actual.bytes })
    return { code: 'OK', nowMs, over: 0 }
  }

  #reassert(ask: Finishing, record: ModelRecord | undefined, nowMs: number): FinishReply {
    if (record !== undefined) return this.#stands('EXISTS', record, nowMs)
    const outcome = this.#post(ask.shares, ({ amount }) => ({ posted: 0, pending: amount }))
    if (outcome.corrupt !== undefined) return { code: 'CORRUPT', nowMs, position: outcome.corrupt }
    this.#keep(outcome.accounts)
    const { fingerprint, shares, expMs = 0, note = '' } = ask
    this.records.set(ask.rid, { state: 'P', fingerprint, expMs, shares, note, actual: -1, over: 0 })
    this.looks.set(ask.rid, nowMs + (ask.lookMs ?? 0))
    return { code: 'OK', nowMs, over: Math.max(0, ...outcome.above.map(({ excess }) => excess)) }
  }

  #post(
    shares: readonly Share[],
    changeOf: (claim: ModelClaim) => { posted: number; pending: number },
  ) {
    const accounts = copyFor(shares, this.accounts)
    const above: { position: number; excess: number }[] = []
    let position = 0
    for (const { subject, claims } of shares) {
      const account = accountIn(accounts, subject)
      for (const claim of claims) {
        position += 1
        const known = [account.newest.get(claim.id), account.older.get(claim.id)]
        const counter =
          known.find((candidate) => candidate?.window === claim.window) ?? enter(account, claim)
        if (counter === undefined) continue
        const change = changeOf(claim)
        counter.posted += change.posted
        counter.pending += change.pending
        const { posted, pending } = counter
        if (Math.min(posted, pending) < 0 || BigInt(posted) + BigInt(pending) > MOST) {
          return { accounts, above, corrupt: position }
        }
        const excess = counter.posted + counter.pending - claim.allowed
        if (excess > 0 && change.posted + change.pending > 0) above.push({ position, excess })
      }
    }
    return { accounts, above, corrupt: undefined }
  }

  #keep(accounts: Map<string, Account>): void {
    for (const [subject, account] of accounts) {
      const counters = [...account.newest.values(), ...account.older.values()]
      const idle = counters.every((c) => c.window === 0 && c.posted === 0 && c.pending === 0)
      if (account.rates.size === 0 && idle) accounts.delete(subject)
    }
    this.accounts = accounts
  }

  #stands<C extends 'EXISTS' | 'DUP' | 'TERMINAL'>(code: C, record: ModelRecord, nowMs: number) {
    const { state, expMs, actual, note } = record
    return { code, nowMs, state, expMs, actual, note }
  }
}

/** An ended reservation holds nothing any more; whose it was is remembered. */
function ownerOf(shares: readonly Share[]): Share[] {
  return shares.slice(0, 1).map(({ subject }) => ({ subject, rates: [], claims: [] }))
}

/** The accounts, those of a command as copies to work on. */
function copyFor(shares: readonly Share[], accounts: ReadonlyMap<string, Account>) {
  const copy = new Map(accounts)
  for (const { subject } of shares) {
    const account = accounts.get(subject)
    if (account !== undefined) copy.set(subject, copyOf(account))
  }
  return copy
}

/** Its counters too, which commands change in place. */
function copyOf({ rates, newest, older }: Account): Account {
  const copied = (counters: ReadonlyMap<number, Counter>) =>
    new Map([...counters].map(([id, counter]) => [id, { ...counter }]))
  return { rates: new Map(rates), newest: copied(newest), older: copied(older) }
}

function accountIn(accounts: Map<string, Account>, subject: string): Account {
  const known = accounts.get(subject)
  if (known !== undefined) return known
  const account = { rates: new Map(), newest: new Map(), older: new Map() }
  accounts.set(subject, account)
  return account
}

function roomOf(account: Account, rate: ModelRate, nowMs: number): number {
  const nowUs = (nowMs - EPOCH_2025) * 1000
  const room = rate.burstUs - Math.max(0, (account.rates.get(rate.id) ?? 0) - nowUs)
  // More than a minute of debt beyond the burst: the clock stepped back, and nobody waits for that.
  return room < -60_000_000 ? Math.min(rate.costUs, rate.burstUs) : room
}

/** The running counter, rolled forward when a new window begins; none for a window that is over. */
function enter(account: Account, { id, window }: ModelClaim): Counter | undefined {
  const newest = account.newest.get(id)
  if (newest !== undefined && newest.window > window) return undefined
  if (newest !== undefined && newest.window === window) return newest
  if (newest !== undefined && newest.pending > 0) account.older.set(id, newest)
  const opened = { window, posted: 0, pending: 0 }
  account.newest.set(id, opened)
  return opened
}

function landed(claim: ModelClaim, actual: Finishing['actual']): number {
  const { counted, amount } = claim
  if (counted === 'bytes') return actual.bytes
  if (counted === 'uploads') return amount
  if (counted === 'stored') return actual.stored
  return counted === 'objects' ? actual.objects : 0
}

/** The size that was reserved; without a limit that counts bytes nothing can be above it. */
function reservedBytes(shares: readonly Share[]): number {
  const sizes = shares
    .flatMap(({ claims }) => claims)
    .filter((c) => c.counted === 'bytes' || (c.counted === 'stored' && c.amount > 0))
    .map(({ amount }) => amount)
  return sizes.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...sizes)
}
