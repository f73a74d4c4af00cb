import type { LedgerRecord } from '../../src/ledger/decision.ts'
import {
  type AdmitCommand,
  type FinishCommand,
  type Hold,
  KIND,
  type SubjectState,
} from '../../src/ledger/port.ts'

/** An entry of a hold, with its subject. */
export interface HoldEntry {
  readonly subject: string
  readonly id: number
  readonly window: number
  readonly amount: number
  readonly kind: number
}

/** A change of one counter. */
export interface Move {
  readonly subject: string
  readonly counter: string
  readonly posted: number
  readonly pending: number
}

interface Sums {
  posted: number
  pending: number
}

/** A hold with its subjects, entry by entry. */
export function entriesOf(subjects: readonly string[], hold: Hold): HoldEntry[] {
  const entries: HoldEntry[] = []
  let at = 0
  for (const subject of subjects) {
    const end = at + 1 + 4 * (hold[at] ?? 0)
    for (let h = at + 1; h < end; h += 4) {
      const [id = 0, window = 0] = [hold[h], hold[h + 1]]
      entries.push({ subject, id, window, amount: hold[h + 2] ?? 0, kind: hold[h + 3] ?? 0 })
    }
    at = end
  }
  return entries
}

/**
 * I1, kept beside the ledger: pending of a counter is the sum of what pending reservations hold in it,
 * posted the sum of what endings, late objects and charges brought. Told from `ledger.md` alone.
 */
export class CounterBooks {
  readonly #subjects = new Map<string, Map<string, Sums>>()

  /** What an executed command does to the counters. */
  movesOf(
    command: AdmitCommand | FinishCommand,
    before: LedgerRecord | undefined,
    after: LedgerRecord | undefined,
  ): Move[] {
    const moves: Move[] = []
    if (command.op === 'R' && after !== undefined) {
      for (const entry of entriesOf(after.subjects, after.hold)) moves.push(move(entry, 0, 1))
    }
    if (command.op === 'C') {
      for (const entry of entriesOf(command.subjects, command.hold)) {
        moves.push(move(entry, entry.amount, 0))
      }
    }
    if (before?.state === 'P' && after !== undefined && after.state !== 'P') {
      for (const entry of entriesOf(before.subjects, before.hold)) {
        moves.push(move(entry, postedAtEnd(command, entry), -1))
      }
    }
    if (command.op === 'L' && after?.state === 'S' && before?.state !== 'P') {
      for (const entry of entriesOf(command.subjects, command.hold)) {
        const spent = entry.kind === KIND.request && before !== undefined
        moves.push(move(entry, spent ? 0 : postedAtEnd(command, entry), 0))
      }
    }
    return moves.filter(({ posted, pending }) => posted !== 0 || pending !== 0)
  }

  /** Takes moves into the books, or out of them when a failover has lost them. */
  post(moves: readonly Move[], sign: 1 | -1): void {
    for (const { subject, counter, posted, pending } of moves) {
      let counters = this.#subjects.get(subject)
      if (counters === undefined) {
        counters = new Map()
        this.#subjects.set(subject, counters)
      }
      let sums = counters.get(counter)
      if (sums === undefined) {
        sums = { posted: 0, pending: 0 }
        counters.set(counter, sums)
      }
      sums.posted += sign * posted
      sums.pending += sign * pending
    }
  }

  /** What is wrong with a subject's state, or `undefined`. */
  differs(subject: string, state: SubjectState | undefined): string | undefined {
    const counters = this.#subjects.get(subject)
    let totals = 0
    for (let at = firstEntry(state); state !== undefined && at < state.length; at += 4) {
      const counter = `${state[at]} ${state[at + 1]}`
      const { posted = 0, pending = 0 } = counters?.get(counter) ?? {}
      if (state[at + 2] !== posted || state[at + 3] !== pending) {
        return `${subject} ${counter}: posted ${state[at + 2]}, pending ${state[at + 3]}; books ${posted}, ${pending}`
      }
      if (state[at + 1] === 0 && (posted !== 0 || pending !== 0)) totals += 1
    }
    for (const [counter, { posted, pending }] of counters ?? []) {
      if (counter.endsWith(' 0') && (posted !== 0 || pending !== 0)) totals -= 1
    }
    return totals === 0 ? undefined : `${subject}: a total is out of sight`
  }
}

/** Posted and pending of a total, 0 where there is none. */
export function totalOf(state: SubjectState | undefined, id: number): Sums {
  for (let at = firstEntry(state); state !== undefined && at < state.length; at += 4) {
    if (state[at] === id && state[at + 1] === 0) {
      return { posted: state[at + 2] ?? 0, pending: state[at + 3] ?? 0 }
    }
  }
  return { posted: 0, pending: 0 }
}

/** The counters of a hold that are above their limits, of those that it adds to. */
export function aboveLimit(
  entries: readonly HoldEntry[],
  limits: readonly number[],
  stateOf: (subject: string) => SubjectState | undefined,
): string | undefined {
  for (const [index, { subject, id, window, amount }] of entries.entries()) {
    const state = stateOf(subject)
    const limit = limits[index] ?? 0
    for (let at = firstEntry(state); state !== undefined && at < state.length; at += 4) {
      const sum = (state[at + 2] ?? 0) + (state[at + 3] ?? 0)
      const same = state[at] === id && state[at + 1] === window
      if (same && amount > 0 && sum > limit) return `${subject} ${id} ${window}: ${sum} of ${limit}`
    }
  }
  return undefined
}

function firstEntry(state: SubjectState | undefined): number {
  return 2 + 2 * (state?.[1] ?? 0)
}

function move(entry: HoldEntry, posted: number, held: -1 | 0 | 1): Move {
  const { subject, id, window, amount } = entry
  return { subject, counter: `${id} ${window}`, posted, pending: held * amount }
}

function postedAtEnd(command: AdmitCommand | FinishCommand, { kind, amount }: HoldEntry): number {
  if (kind === KIND.request) return amount
  if (command.op !== 'S' && command.op !== 'L') return 0
  if (kind === KIND.bytes) return command.actualBytes
  if (kind === KIND.count) return amount
  if (kind === KIND.stored) return command.storedDelta
  return kind === KIND.objects ? command.objectsDelta : 0
}
