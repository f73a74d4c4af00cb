import type { DatabaseSync } from 'node:sqlite'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import type { Ledger, SubjectState } from '../../src/ledger/port.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite.ts'
import { Decider, isAdmit, ridsOf } from './decider.ts'
import {
  CLAIM,
  claimText,
  type LogEvent,
  type Outcome,
  type Player,
  replyText,
  stateText,
  stateTextOfModel,
} from './history.ts'
import { LedgerModel } from './ledger-model.ts'
import type { KnownRecord } from './model-encoding.ts'

/** Never forgets within a history. */
const FOR_EVER_MS = 2 ** 50
/** What fits into one transaction of SQLite's driver, and less than a queue holds. */
const AT_ONCE = 32

export const decidePlayer: Player = {
  name: 'decide()',
  steady: false,
  async play(log) {
    const decider = new Decider()
    return log.map((event) => {
      switch (event.what) {
        case 'command':
          return replyText(decider.run(event.command, event.nowMs))
        case 'claim':
          return claimText(claimDue(decider.due, event.nowMs))
        case 'loss':
          decider.subjects.delete(event.subject)
          return undefined
        case 'look':
          return stateText(decider.subjects, decider.known())
        default:
          return undefined
      }
    })
  },
}

export const modelPlayer: Player = {
  name: 'the model',
  steady: false,
  async play(log) {
    const model = new LedgerModel()
    return log.map((event) => {
      const { nowMs } = event
      switch (event.what) {
        case 'command': {
          const { ask } = event
          const reply =
            'admit' in ask ? model.admit(ask.admit, nowMs) : model.finish(ask.finish, nowMs)
          return replyText(reply)
        }
        case 'claim':
          return claimText(model.claim(nowMs, CLAIM.leaseMs, CLAIM.limit))
        case 'loss':
          model.accounts.delete(event.subject)
          return undefined
        case 'look':
          return stateTextOfModel(model)
        default:
          return undefined
      }
    })
  },
}

export const memoryPlayer: Player = {
  name: 'memory',
  steady: true,
  async play(log) {
    const clock = { ms: 0, nowMs: () => clock.ms }
    const ledger = openMemoryLedger({ clock, retentionMs: FOR_EVER_MS })
    return playOn(ledger, log, {
      moveTo: (nowMs) => {
        clock.ms = nowMs
      },
      lose: (subject) => ledger.lose(subject),
      state: async (rids) => {
        const due = ledger.looks()
        const found = await Promise.all(rids.map((rid) => ledger.find({ partition: 0, rid })))
        const records = found.flatMap((record) =>
          record === undefined ? [] : [{ ...record, due: due.get(record.rid) ?? null }],
        )
        return stateText(ledger.subjects(), records)
      },
    })
  },
}

/** On one database for all logs, emptied before each. */
export function sqlitePlayer(database: DatabaseSync): Player {
  return {
    name: 'SQLite',
    steady: true,
    async play(log) {
      const clock = { ms: 0, nowMs: () => clock.ms }
      const schedule = (run: () => void) => void setImmediate(run)
      const ledger = openSqliteLedger({ database, clock, schedule, retentionMs: FOR_EVER_MS })
      // What a loss of power would do is shown elsewhere, and the disk is slow.
      database.exec('PRAGMA synchronous = OFF; DELETE FROM subject; DELETE FROM reservation')
      return playOn(ledger, log, {
        moveTo: (nowMs) => {
          clock.ms = nowMs
        },
        lose: (subject) => {
          database.prepare('DELETE FROM subject WHERE id = ?').run(subject)
        },
        state: async () => stateText(subjectsIn(database), recordsIn(database)),
      })
    },
  }
}

interface Hands {
  readonly moveTo: (nowMs: number) => void
  readonly lose: (subject: string) => void
  readonly state: (rids: readonly string[]) => Promise<string>
}

/** Commands of one moment go in together, as in life; all else waits for them. */
async function playOn(ledger: Ledger, log: readonly LogEvent[], hands: Hands): Promise<Outcome[]> {
  const outcomes: Promise<Outcome>[] = []
  const rids = new Set<string>()
  let atMs = 0
  let settled = 0
  for (const event of log) {
    const { nowMs, what } = event
    if (nowMs !== atMs || what !== 'command' || outcomes.length - settled >= AT_ONCE) {
      await Promise.all(outcomes.slice(settled))
      settled = outcomes.length
    }
    hands.moveTo(nowMs)
    atMs = nowMs
    switch (what) {
      case 'command': {
        const { command } = event
        for (const rid of ridsOf(command)) rids.add(rid)
        const run = isAdmit(command) ? ledger.admit(command) : ledger.finish(command)
        outcomes.push(run.then(replyText))
        break
      }
      case 'claim': {
        const { reservations } = await ledger.claim(CLAIM)
        outcomes.push(Promise.resolve(claimText(reservations.map(({ rid }) => rid))))
        break
      }
      case 'look':
        outcomes.push(Promise.resolve(await hands.state([...rids])))
        break
      default:
        if (what === 'loss') hands.lose(event.subject)
        outcomes.push(Promise.resolve(undefined))
    }
  }
  return Promise.all(outcomes)
}

function claimDue(due: Map<string, number>, nowMs: number): string[] {
  const rids = [...due]
    .filter(([, atMs]) => atMs <= nowMs)
    .sort(([aRid, a], [bRid, b]) => a - b || (aRid < bRid ? -1 : 1))
    .slice(0, CLAIM.limit)
    .map(([rid]) => rid)
  for (const rid of rids) due.set(rid, nowMs + CLAIM.leaseMs)
  return rids
}

function subjectsIn(database: DatabaseSync): Map<string, SubjectState> {
  const rows = database.prepare('SELECT id, state FROM subject').all()
  return new Map(rows.map(({ id, state }) => [String(id), JSON.parse(String(state)) as number[]]))
}

function recordsIn(database: DatabaseSync): KnownRecord[] {
  return database
    .prepare('SELECT * FROM reservation')
    .all()
    .map((row) => ({
      rid: String(row.rid),
      state: String(row.state),
      fingerprint: String(row.fp),
      expMs: Number(row.exp),
      hold: JSON.parse(String(row.hold)) as number[],
      subjects: JSON.parse(String(row.subjects)) as string[],
      note: String(row.note),
      actual: Number(row.actual),
      over: Number(row.over),
      due: row.due === null ? null : Number(row.due),
    }))
}
