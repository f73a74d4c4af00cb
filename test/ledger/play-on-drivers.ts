import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'vitest'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import type { Ledger, SubjectState } from '../../src/ledger/port.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite.ts'
import { Decider, isAdmit } from './decider.ts'
import {
  admitCommand,
  digestOfRecords,
  digestOfSubjects,
  finishCommand,
  type KnownRecord,
} from './model-encoding.ts'
import { createStepper, START, type Step } from './model-steps.ts'

/** Plays one history on SQLite, memory and `decide()`: the same replies, the same states. */
export async function playOnDrivers(list: readonly Step[], directory: string): Promise<void> {
  let clockMs = START
  const clock = { nowMs: () => clockMs }
  const path = join(directory, `${crypto.randomUUID()}.db`)
  const database = new DatabaseSync(path)
  const sqlite = openSqliteLedger({ database, clock, schedule: (run) => void setImmediate(run) })
  const memory = openMemoryLedger({ clock })
  const decider = new Decider()
  const stepper = createStepper()
  let steadyMs = 0
  let waiting: Promise<void>[] = []
  for (const step of list) {
    const moveMs = stepper.tickOf(step)
    if (moveMs !== 0 || waiting.length >= 8) {
      await Promise.all(waiting.splice(0))
      expect(digestOfSubjects(subjectsIn(database))).toBe(digestOfSubjects(decider.subjects))
      expect(digestOfSubjects(memory.subjects())).toBe(digestOfSubjects(decider.subjects))
      expect(digestOfRecords(recordsIn(database))).toBe(digestOfRecords(decider.known()))
      if (step.pick % 8 === 0) {
        steadyMs = Math.max(steadyMs, clockMs)
        await assertAudited(sqlite, memory)
      }
    }
    clockMs += moveMs
    const ask = stepper.askOf(step, Math.max(steadyMs, clockMs))
    if (ask === undefined) continue
    // A driver only knows the times at which it looked.
    steadyMs = Math.max(steadyMs, clockMs)
    const command = 'admit' in ask ? admitCommand(ask.admit) : finishCommand(ask.finish)
    const expected = decider.run(command, steadyMs)
    const run = isAdmit(command)
      ? [sqlite.admit(command), memory.admit(command)]
      : [sqlite.finish(command), memory.finish(command)]
    waiting.push(Promise.all(run).then((replies) => expect(replies).toEqual([expected, expected])))
  }
  await Promise.all(waiting)
  waiting = []
  await assertAudited(sqlite, memory)
  for (const { rid, due: _, ...record } of decider.known()) {
    expect(await memory.find({ partition: 0, rid })).toMatchObject(record)
    expect(await sqlite.find({ partition: 0, rid })).toEqual({ ...record, rid, partition: 0 })
  }
  await sqlite.close()
  rmSync(path, { force: true })
}

/** I1, I4: whatever happened, the auditor finds nothing to mend, and both drivers count the same. */
async function assertAudited(sqlite: Ledger, memory: Ledger): Promise<void> {
  const audit = await sqlite.audit({ partition: 0, repair: true })
  expect(audit).toMatchObject({ drifts: [], index: [], negative: [], unreadable: [] })
  expect(await memory.audit({ partition: 0, repair: true })).toEqual(audit)
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
