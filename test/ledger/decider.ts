import { otherRids } from '../../src/ledger/batch-items.ts'
import { decideAdmit } from '../../src/ledger/decide-admit.ts'
import { decideFinish } from '../../src/ledger/decide-finish.ts'
import type { LedgerRecord, Writes } from '../../src/ledger/decision.ts'
import type {
  AdmitCommand,
  AdmitReply,
  FinishCommand,
  FinishReply,
  SubjectState,
} from '../../src/ledger/port.ts'
import { digestOfRecords, digestOfSubjects, type KnownRecord } from './model-encoding.ts'

/** `decide()` with the least around it: what it may read is frozen, what it writes is kept. */
export class Decider {
  readonly subjects = new Map<string, SubjectState>()
  readonly records = new Map<string, LedgerRecord>()
  readonly due = new Map<string, number>()

  run(command: AdmitCommand | FinishCommand, nowMs: number): AdmitReply | FinishReply {
    const state = deepFreeze({
      record: 'rid' in command ? this.records.get(command.rid) : undefined,
      others: otherRids(command).map((rid) => this.records.get(rid)),
      subjects: command.subjects.map((id) => this.subjects.get(id)),
    })
    const decision = isAdmit(command)
      ? decideAdmit(state, command, nowMs)
      : decideFinish(state, command, nowMs)
    this.#apply(command, decision.writes)
    return decision.reply
  }

  #apply(command: AdmitCommand | FinishCommand, writes: Writes | undefined): void {
    for (const [index, state] of (writes?.subjects ?? []).entries()) {
      const id = command.subjects[index] ?? ''
      if (state === undefined) this.subjects.delete(id)
      else this.subjects.set(id, state)
    }
    if (!('rid' in command) || writes === undefined) return
    for (const { rid, record } of writes.others ?? []) {
      this.records.set(rid, record)
      if (typeof writes.dueMs === 'number') this.due.set(rid, writes.dueMs)
    }
    if (writes.record !== undefined) this.records.set(command.rid, writes.record)
    if (writes.dueMs === null) this.due.delete(command.rid)
    else if (writes.dueMs !== undefined) this.due.set(command.rid, writes.dueMs)
  }

  known(): KnownRecord[] {
    return [...this.records].map(([rid, record]) => ({
      ...record,
      rid,
      due: this.due.get(rid) ?? null,
    }))
  }

  digest(): string {
    return `${digestOfSubjects(this.subjects)}\n${digestOfRecords(this.known())}`
  }
}

/** All ids that a command may write. */
export function ridsOf(command: AdmitCommand | FinishCommand): readonly string[] {
  return 'rid' in command ? [command.rid, ...otherRids(command)] : []
}

/** True for the commands of `admit`. */
export function isAdmit(command: AdmitCommand | FinishCommand): command is AdmitCommand {
  return command.op === 'R' || command.op === 'Q' || command.op === 'C'
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const member of Object.values(value)) deepFreeze(member)
  }
  return value
}
