import { expect } from 'vitest'
import type { LedgerRecord } from '../../src/ledger/decision.ts'
import {
  type AdmitCommand,
  type FinishCommand,
  type Hold,
  KIND,
  type SubjectState,
} from '../../src/ledger/port.ts'
import { ridsOf } from './decider.ts'
import { countersOf, type KnownRecord } from './model-encoding.ts'

interface Entry {
  readonly subject: string
  readonly id: number
  readonly window: number
  readonly amount: number
  readonly kind: number
}

/** A hold with its subjects, entry by entry. */
function entriesOf(subjects: readonly string[], hold: Hold): Entry[] {
  const entries: Entry[] = []
  let at = 0
  for (const subject of subjects) {
    const size = hold[at] ?? 0
    for (let n = 0; n < size; n += 1) {
      const [id = 0, window = 0, amount = 0, kind = 0] = hold.slice(at + 1 + n * 4, at + 5 + n * 4)
      entries.push({ subject, id, window, amount, kind })
    }
    at += 1 + size * 4
  }
  return entries
}

const nameOf = ({ subject, id, window }: Omit<Entry, 'amount' | 'kind'>) =>
  `${subject} ${id} ${window}`

/** Books kept beside the ledger: what was posted where, and which reservations hold what. */
export function createAccounts() {
  const posted = new Map<string, number>()
  const subjectsOf = new Map<string, readonly string[]>()
  const lost = new Set<string>()
  return {
    posted,
    subjectsOf,
    lost,
    /** A subject's state was dropped: nothing is promised about it any more. */
    lose: (subject: string) => lost.add(subject),
    post(command: AdmitCommand | FinishCommand, before: LedgerRecord | undefined): void {
      const { op, subjects } = command
      for (const rid of ridsOf(command)) subjectsOf.set(rid, subjects)
      const hold =
        op === 'C' || op === 'L' ? command.hold : 'SVX'.includes(op) ? before?.hold : undefined
      for (const entry of entriesOf(subjects, hold ?? [])) {
        const amount = postedBy(command, entry, before !== undefined)
        posted.set(nameOf(entry), (posted.get(nameOf(entry)) ?? 0) + amount)
      }
    },
  }
}

function postedBy(
  command: AdmitCommand | FinishCommand,
  { kind, amount }: Entry,
  known: boolean,
): number {
  if (command.op === 'C') return amount
  if (kind === KIND.request) return command.op === 'L' && known ? 0 : amount
  if (command.op !== 'S' && command.op !== 'L') return 0
  const { actualBytes, storedDelta, objectsDelta } = command
  return (
    {
      [KIND.bytes]: actualBytes,
      [KIND.count]: amount,
      [KIND.stored]: storedDelta,
      [KIND.objects]: objectsDelta,
    }[kind] ?? 0
  )
}

/** I1: pending is the sum of what pending reservations hold, posted the sum of what was posted. */
export function assertPosted(
  accounts: ReturnType<typeof createAccounts>,
  subjects: ReadonlyMap<string, SubjectState>,
  records: readonly KnownRecord[],
): void {
  const held = new Map<string, number>()
  for (const { rid, state, hold } of records) {
    if (state !== 'P') continue
    for (const entry of entriesOf(accounts.subjectsOf.get(rid) ?? [], hold)) {
      held.set(nameOf(entry), (held.get(nameOf(entry)) ?? 0) + entry.amount)
    }
  }
  const counted = new Set<string>()
  for (const [subject, state] of subjects) {
    for (const { id, window, posted, pending } of countersOf(state)) {
      const name = nameOf({ subject, id, window })
      counted.add(name)
      if (accounts.lost.has(subject)) continue
      const sums = [held.get(name) ?? 0, accounts.posted.get(name) ?? 0]
      // `expect` is slow, and this is asked a million times.
      if (pending !== sums[0] || posted !== sums[1])
        expect([name, pending, posted]).toEqual([name, ...sums])
    }
  }
  // A total never goes out of sight while anything is pending in it.
  for (const [name, amount] of held) {
    const [subject = ''] = name.split(' ')
    if (amount > 0 && name.endsWith(' 0') && !accounts.lost.has(subject) && !counted.has(name)) {
      expect.fail(`"${name}" is out of sight with ${amount} pending`)
    }
  }
}

/** I2: nothing that was let in is above the limit in force. */
export function assertAdmitted(
  command: AdmitCommand | FinishCommand,
  subjects: ReadonlyMap<string, SubjectState>,
  before: LedgerRecord | undefined,
): void {
  if (command.op !== 'R' && command.op !== 'C' && command.op !== 'L') return
  const limits = command.op === 'L' ? command.limits : limitsOf(command)
  for (const [index, entry] of entriesOf(command.subjects, command.hold).entries()) {
    if (
      entry.amount === 0 ||
      (command.op === 'L' && postedBy(command, entry, before !== undefined) <= 0)
    )
      continue
    const counter = countersOf(subjects.get(entry.subject) ?? []).find(
      ({ id, window }) => id === entry.id && window === entry.window,
    )
    if (counter === undefined) continue
    expect(counter.posted + counter.pending).toBeLessThanOrEqual(limits[index] ?? 0)
  }
}

function limitsOf({ subjects, hold, check }: AdmitCommand): number[] {
  const limits: number[] = []
  let c = 2
  let h = 0
  for (const _ of subjects) {
    c += 1 + 3 * (check[c] ?? 0)
    const size = hold[h] ?? 0
    limits.push(...check.slice(c, c + size))
    c += size
    h += 1 + 4 * size
  }
  return limits
}

const NEXT: Readonly<Record<string, string>> = {
  new: 'PSD',
  P: 'PSVX',
  S: 'S',
  V: 'VSD',
  X: 'XSD',
  D: 'D',
}

/** I3: one ending for each; settled and condemned are for good, void and expired end only by L. */
export function assertSingleEnding(
  op: string,
  before: ReadonlyMap<string, string>,
  after: readonly KnownRecord[],
): void {
  for (const { rid, state, due } of after) {
    const was = before.get(rid) ?? 'new'
    if (was !== state) {
      expect(NEXT[was]).toContain(state)
      if (was === 'V' || was === 'X') expect(op).toBe('L')
    }
    // I4: the index has what is pending, and nothing that is settled, void or expired.
    const indexed = due !== null
    if (state !== 'D' && indexed !== (state === 'P'))
      expect([rid, indexed]).toEqual([rid, state === 'P'])
  }
}
