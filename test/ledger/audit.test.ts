import type { DatabaseSync } from 'node:sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import type { LedgerRecord } from '../../src/ledger/decision.ts'
import { newMemoryState, openMemoryLedger } from '../../src/ledger/memory.ts'
import { KIND } from '../../src/ledger/port.ts'
import { auditContract, type DamageableLedger } from '../contract/ledger-audit.contract.ts'
import { finishOf, START_MS } from '../contract/ledger-commands.ts'
import { reserve } from '../contract/reservation-commands.ts'
import { reserved } from '../contract/reserved.ts'
import { TestClock } from '../support/test-clock.ts'
import { replacedCounter } from './damaged-state.ts'
import { openSqliteFixture, removeSqliteFiles } from './sqlite-fixture.ts'

afterAll(removeSqliteFiles)

auditContract('memory', async () => {
  const clock = new TestClock(START_MS)
  const state = newMemoryState()
  const ledger = openMemoryLedger({ clock, state })
  const { subjects, records, due } = state
  const set = (offset: number) => async (id: string, limit: number, window: number, to: number) => {
    subjects.set(id, replacedCounter(subjects.get(id) ?? [], [limit, window], offset, to))
  }
  return {
    ledger,
    nowMs: () => clock.nowMs(),
    advance: (ms) => clock.advance(ms),
    close: () => ledger.close(),
    damage: {
      setPending: set(3),
      setPosted: set(2),
      dropFromIndex: async (rid) => void due.delete(rid),
      addStray: async (rid) => void due.set(rid, 0),
      loseSubject: async (id) => void subjects.delete(id),
      breakSubject: async (id) => void subjects.set(id, [1, 0, 7]),
      breakRecord: async (rid) =>
        void records.set(rid, { ...records.get(rid), hold: [9] } as unknown as LedgerRecord),
      rawSubject: async (id) => String(subjects.get(id)),
    },
  }
})

const run = (database: DatabaseSync, sql: string) => async (name: string) =>
  void database.prepare(sql).run(name)

for (const [name, reads] of [
  ['SQLite', false],
  ['SQLite with a second connection', true],
] as const) {
  auditContract(name, () => openDamageable(reads))
}

async function openDamageable(reads: boolean): Promise<DamageableLedger> {
  const { ledger, clock, database } = openSqliteFixture(undefined, { reads })
  const rawSubject = async (id: string) =>
    String(database.prepare('SELECT state FROM subject WHERE id = ?').get(id)?.state)
  const set = (offset: number) => async (id: string, limit: number, window: number, to: number) => {
    const state = replacedCounter(JSON.parse(await rawSubject(id)), [limit, window], offset, to)
    database.prepare('UPDATE subject SET state = ? WHERE id = ?').run(JSON.stringify(state), id)
  }
  return {
    ledger,
    nowMs: () => clock.nowMs(),
    advance: (ms) => clock.advance(ms),
    close: () => ledger.close(),
    damage: {
      setPending: set(3),
      setPosted: set(2),
      dropFromIndex: run(database, 'UPDATE reservation SET due = NULL WHERE rid = ?'),
      addStray: run(database, 'UPDATE reservation SET due = 0 WHERE rid = ?'),
      loseSubject: run(database, 'DELETE FROM subject WHERE id = ?'),
      breakSubject: run(database, "UPDATE subject SET state = 'no JSON' WHERE id = ?"),
      breakRecord: run(database, "UPDATE reservation SET hold = '[1,' WHERE rid = ?"),
      rawSubject,
    },
  }
}

describe('an audit of many rows', () => {
  /** Some 60 slices, each a turn of the event loop. */
  const ROWS = 4_000

  /** As many pending reservations of one user as take many turns. */
  function fill(database: DatabaseSync, count: number): void {
    const hold = JSON.stringify([1, 7, 0, 1, KIND.stored])
    database.exec('BEGIN')
    const insert = database.prepare(
      `INSERT INTO reservation (rid, state, fp, exp, due, hold, subjects, note, actual, over, owner)
       VALUES (?, 'P', 'fp', 1, 1, ?, '["u-alice"]', '{}', -1, 0, 'u-alice')`,
    )
    for (let n = 0; n < count; n += 1) insert.run(`up_${n}`, hold)
    const put = database.prepare("INSERT INTO subject VALUES ('u-alice', ?)")
    put.run(JSON.stringify([1, 0, 7, 0, 0, count]))
    database.exec('COMMIT')
  }

  it('lets others decide between its slices, and still sees one instant', async () => {
    const { ledger, database } = openSqliteFixture(undefined, { reads: true })
    fill(database, ROWS)
    const ends: string[] = []
    const audit = ledger.audit({ partition: 0, repair: true }).finally(() => ends.push('audit'))
    for (let n = 0; n < 10; n += 1) {
      const quota = { id: 7, kind: KIND.stored, amount: 1, limit: 10_000 }
      const command = reserve(`new_${n}`, [{ subject: 'u-alice', quotas: [quota] }])
      expect(await ledger.admit(command)).toMatchObject({ code: 'OK' })
      ends.push('decision')
    }
    expect(await audit).toMatchObject({ counts: { pending: ROWS }, drifts: [], index: [] })
    expect(ends.at(-1)).toBe('audit')
    const next = await ledger.audit({ partition: 0, repair: false })
    expect(next).toMatchObject({ counts: { pending: ROWS + 10 }, drifts: [], index: [] })
    await ledger.close()
  })

  it('ends with LedgerUnavailable when the ledger is closed meanwhile', async () => {
    const { ledger, database } = openSqliteFixture(undefined, { reads: true })
    fill(database, ROWS)
    const audit = ledger.audit({ partition: 0, repair: false })
    const outcome = expect(audit).rejects.toMatchObject({ code: 'LedgerUnavailable' })
    await new Promise((resolve) => setImmediate(resolve))
    await ledger.close()
    await outcome
  })
})

describe('rows of SQLite that nobody of ours wrote', () => {
  const STATES = [
    "'{}'",
    "'[2,0]'",
    "'[1]'",
    "'[1,-1]'",
    "'[1,3,7,7]'",
    "'[1,0,7]'",
    "'[1,0,7,0,null,0]'",
    "'[1,0,7,0,1e999,0]'",
    "x'ff00'",
    '7',
  ]
  it.each(STATES)('the state %s is named, refused, and left as it is', async (broken) => {
    const { ledger, database } = openSqliteFixture()
    const command = await reserved({ ledger }, { rid: 'up_1', user: 'u-bob', bytes: 5 })
    const asIs = () => database.prepare('SELECT hex(state) AS state FROM subject').all()
    database.exec(`UPDATE subject SET state = ${broken}`)
    const before = asIs()
    const { unreadable, drifts } = await ledger.audit({ partition: 0, repair: true })
    expect(unreadable).toMatchObject([{ name: 'subject u-bob' }])
    expect(drifts).toEqual([])
    for (const op of ['S', 'V'] as const) {
      const refused = ledger.finish(finishOf(command, op))
      await expect(refused).rejects.toMatchObject({
        code: 'LedgerUnavailable',
        details: { facts: { name: 'subject u-bob' } },
      })
    }
    expect(asIs()).toEqual(before)
    await ledger.close()
  })

  const RECORDS = [
    "hold = '[]'",
    "hold = '[2,21,0,5,0]'",
    "hold = '[1,21,0,5,9]'",
    "hold = '[1,21,0,-5,0]'",
    "hold = 'null'",
    "subjects = '[1]'",
    "subjects = 'nobody'",
    "state = 'Z'",
    'exp = 9223372036854775807',
    "exp = 'soon'",
    "actual = 'many'",
    "hold = x'ff00'",
  ]
  it.each(RECORDS)(
    'a record with %s is named and refused, and the sweep goes on',
    async (broken) => {
      const { ledger, database, clock } = openSqliteFixture()
      await reserved({ ledger }, { rid: 'up_1', bytes: 5 })
      const command = await reserved({ ledger }, { rid: 'up_2', bytes: 7 })
      database.exec(`UPDATE reservation SET ${broken} WHERE rid = 'up_2'`)
      const audit = await ledger.audit({ partition: 0, repair: true })
      expect(audit.unreadable).toMatchObject([{ name: 'reservation up_2' }])
      expect(audit).toMatchObject({ counts: { pending: 1 }, index: [] })
      expect(audit.drifts.every(({ repaired }) => !repaired)).toBe(true)
      await expect(ledger.finish(finishOf(command, 'V'))).rejects.toMatchObject({
        code: 'LedgerUnavailable',
      })
      clock.advance(3_600_000)
      const { reservations } = await ledger.claim({ partition: 0, limit: 10, leaseMs: 1_000 })
      expect(reservations.map(({ rid }) => rid)).toEqual(['up_1'])
      await ledger.close()
    },
  )
})
