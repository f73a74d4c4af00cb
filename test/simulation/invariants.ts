import { parseNote } from '../../src/gateway/reservation-note.ts'
import type { Decision, LedgerRecord, LedgerState } from '../../src/ledger/decision.ts'
import type {
  AdmitCommand,
  AdmitReply,
  ChargeCommand,
  FinishCommand,
  FinishReply,
  ReservationState,
  ReserveCommand,
} from '../../src/ledger/port.ts'
import { aboveLimit, CounterBooks, entriesOf, type Move } from './counter-books.ts'
import type { Change, LedgerCopy } from './ledger-copy.ts'
import type { LedgerWatch } from './ledger-server.ts'
import { RateBooks, type Spent } from './rate-books.ts'
import type { StoreTruth } from './store-truth.ts'
import type { Fail, Trace } from './violation.ts'

/** States that a record may go to, by the one that it is in. `none`: it is unknown. */
const MAY_BECOME: Readonly<Record<ReservationState | 'none', string>> = {
  none: 'PSD',
  P: 'PSVX',
  S: 'S',
  V: 'VSD',
  X: 'XSD',
  D: 'D',
}

/** Watches the primary: I1, I2, I3, I4, I6, I8 and I9 after every change of the ledger. */
export class Invariants implements LedgerWatch {
  /** Of all that happened, for telling two runs apart. */
  digest = 0x811c9dc5
  readonly #counters = new CounterBooks()
  readonly #rates = new RateBooks()
  readonly #truth: StoreTruth
  readonly #primary: () => LedgerCopy
  readonly #fail: Fail
  readonly #trace: Trace | undefined

  constructor(options: {
    truth: StoreTruth
    primary: () => LedgerCopy
    fail: Fail
    trace?: Trace | undefined
  }) {
    this.#trace = options.trace
    this.#truth = options.truth
    this.#primary = options.primary
    this.#fail = options.fail
  }

  decided(
    command: AdmitCommand | FinishCommand,
    state: LedgerState,
    { reply, writes }: Decision<AdmitReply | FinishReply>,
    nowMs: number,
  ): { moves: Move[]; spent: Spent[] } {
    this.#mix(`${command.op} ${reply.code} ${nowMs}`)
    this.#trace?.(() => lineOf(command, reply))
    this.#truth.saw(nowMs)
    if (admits(command) && reply.code === 'OK') {
      const early = entriesOf(command.subjects, command.hold).find(
        ({ amount, window }) => amount > 0 && window * 60_000 > nowMs,
      )
      if (early !== undefined)
        this.#fail('I2', `${command.op} is charged to a window of the future`)
    }
    const condemned = command.op === 'L' && reply.code === 'DENIED'
    if (writes !== undefined && ((reply.code !== 'OK' && !condemned) || command.op === 'Q')) {
      this.#fail('I9', `${command.op} was answered ${reply.code} and has written`)
    }
    const spent =
      admits(command) && reply.code === 'OK'
        ? this.#rates.spend(command, nowMs, (detail) => this.#fail('I8', detail))
        : []
    if (writes === undefined) return { moves: [], spent }
    const after = writes.record
    if ('rid' in command && after !== undefined) {
      this.#changed(command, command.rid, state.record, after)
    }
    if (condemned) return { moves: [], spent }
    const moves = this.#counters.movesOf(command, state.record, after)
    for (const [index, { rid, record }] of (writes.others ?? []).entries()) {
      this.#changed(command, rid, state.others?.[index], record)
      moves.push(...this.#counters.movesOf(command, undefined, record))
    }
    return { moves, spent }
  }

  applied(change: Change, command: AdmitCommand | FinishCommand | undefined): void {
    this.#counters.post(change.moves, 1)
    const { subjects, records, due } = this.#primary()
    for (const [id, state] of change.subjects) {
      const wrong = this.#counters.differs(id, state)
      if (wrong !== undefined) this.#fail('I1', wrong)
    }
    for (const [rid] of change.records) {
      const record = records.get(rid)
      if (record === undefined) this.#truth.forgotten(rid)
      const looked = due.has(rid)
      const open = record?.state === 'P'
      if (open !== looked && record?.state !== 'D') {
        this.#fail('I4', `${rid} is ${record?.state} and ${looked ? '' : 'not '}in the index`)
      }
    }
    const added = change.moves.length > 0 ? command : undefined
    if (added !== undefined && admits(added)) this.#withinLimits(added, limitsOf(added), subjects)
    if (added?.op === 'L') this.#withinLimits(added, added.limits, subjects)
    this.#truth.ledgerChanged()
  }

  claimed(nowMs: number): void {
    this.#truth.saw(nowMs)
  }

  lost(changes: readonly Change[]): void {
    for (const { moves, spent } of changes) {
      this.#counters.post(moves, -1)
      this.#rates.forget(spent)
    }
    for (const [id, state] of this.#primary().subjects) {
      const wrong = this.#counters.differs(id, state)
      if (wrong !== undefined) this.#fail('I1', `after a failover: ${wrong}`)
    }
    this.#truth.failedOver()
  }

  #withinLimits(
    { subjects, hold }: { subjects: readonly string[]; hold: readonly number[] },
    limits: readonly number[],
    states: LedgerCopy['subjects'],
  ): void {
    const above = aboveLimit(entriesOf(subjects, hold), limits, (subject) => states.get(subject))
    if (above !== undefined) this.#fail('I2', above)
  }

  #changed(
    command: AdmitCommand | FinishCommand,
    rid: string,
    before: LedgerRecord | undefined,
    after: LedgerRecord,
  ): void {
    const from = before?.state ?? 'none'
    const reopened = from !== 'none' && from !== 'P' && command.op !== 'L' && command.op !== 'G'
    if (reopened || !MAY_BECOME[from].includes(after.state)) {
      this.#fail('I3', `${rid} went from ${from} to ${after.state} by ${command.op}`)
    }
    this.#truth.changed(rid, after.state)
    if (command.op === 'M' && command.note !== undefined) this.#truth.amended(rid, before, after)
    if (after.state === 'V' || after.state === 'X') this.#truth.released(rid, after.state)
    if (command.op === 'S' && rid.startsWith('del_')) {
      const note = parseNote(after.note)
      if (note.kind === 'delete') this.#truth.credited(note.uploadId)
    }
  }

  #mix(text: string): void {
    for (let at = 0; at < text.length; at += 1) {
      this.digest = Math.imul(this.digest ^ text.charCodeAt(at), 0x01000193)
    }
  }
}

function lineOf(command: AdmitCommand | FinishCommand, reply: AdmitReply | FinishReply): string {
  const { check: _c, fingerprint: _f, ...asked } = command as unknown as Record<string, unknown>
  const { levels: _l, ...answered } = reply as unknown as Record<string, unknown>
  return `ledger ${JSON.stringify(asked)} → ${JSON.stringify(answered)}`
}

function admits(command: AdmitCommand | FinishCommand): command is ReserveCommand | ChargeCommand {
  return command.op === 'R' || command.op === 'C'
}

/** The limits of a check, in the order of the hold's entries. */
function limitsOf({ subjects, hold, check }: AdmitCommand): number[] {
  const limits: number[] = []
  let c = 2
  let h = 0
  for (const _ of subjects) {
    c += 1 + 3 * (check[c] ?? 0)
    const quotas = hold[h] ?? 0
    limits.push(...check.slice(c, c + quotas))
    c += quotas
    h += 1 + 4 * quotas
  }
  return limits
}
