import type { DatabaseSync } from 'node:sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import type { SqlDatabase } from '../../src/sql-database.ts'
import { reserveBatch, ridsOf } from '../contract/batch-commands.ts'
import { countersOf, reserve, stored, TENANT, USER } from '../contract/reservation-commands.ts'
import { openSqliteFixture, removeSqliteFiles } from './sqlite-fixture.ts'

const asked = (amount = 10) => [
  { subject: USER, quotas: [stored(amount, 10_000_000)] },
  { subject: TENANT, quotas: [stored(amount, 10_000_000)] },
]

/** A database that fails where `fails` says so, given the statement and its first value. */
function failing(fails: (sql: string, value: unknown) => boolean) {
  const check = (sql: string, value?: unknown) => {
    if (fails(sql, value)) throw new Error('disk I/O error')
  }
  const wrap = (database: DatabaseSync): SqlDatabase => ({
    exec(sql) {
      check(sql)
      database.exec(sql)
    },
    prepare(sql) {
      const statement = database.prepare(sql)
      return {
        run(...values) {
          check(sql, values[0])
          return statement.run(...values)
        },
        get(...values) {
          check(sql, values[0])
          return statement.get(...values)
        },
        all(...values) {
          check(sql, values[0])
          return statement.all(...values)
        },
        iterate(...values) {
          check(sql, values[0])
          return statement.iterate(...values)
        },
      }
    },
    close: () => database.close(),
  })
  return { wrap }
}

const unavailable = expect.objectContaining({ code: 'LedgerUnavailable' })

afterAll(removeSqliteFiles)

describe('a failing database', () => {
  it.each(['BEGIN', 'INSERT OR REPLACE INTO subject'])(
    'LedgerUnavailable: acknowledges nothing that %s did not take, and keeps nothing of it',
    async (start) => {
      let broken = false
      const { wrap } = failing((sql) => broken && sql.startsWith(start))
      const { ledger } = openSqliteFixture(wrap)
      broken = true
      const outcomes = await Promise.allSettled(
        ['up_1', 'up_2'].map((rid) => ledger.admit(reserve(rid, asked()))),
      )
      expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
      expect(outcomes).toMatchObject([{ reason: unavailable }, { reason: unavailable }])
      broken = false
      expect(await ledger.find({ partition: 0, rid: 'up_1' })).toBeUndefined()
      expect(await countersOf(ledger, asked())).toEqual([0, 0, 0, 0])
    },
  )

  it('LedgerUnavailable: a batch of which one record fails leaves nothing, and harms nobody beside it', async () => {
    let broken = true
    const insert = 'INSERT INTO reservation'
    const { wrap } = failing((sql, rid) => broken && sql.startsWith(insert) && rid === 'up_2')
    const { ledger } = openSqliteFixture(wrap)
    const batch = reserveBatch(ridsOf(4), () => asked())
    const commands = [reserve('up_a', asked()), batch, reserve('up_b', asked())]
    const outcomes = await Promise.allSettled(commands.map((command) => ledger.admit(command)))
    const granted = { status: 'fulfilled', value: { code: 'OK' } }
    expect(outcomes).toMatchObject([granted, { reason: unavailable }, granted])
    for (const rid of ridsOf(4)) expect(await ledger.find({ partition: 0, rid })).toBeUndefined()
    expect(await countersOf(ledger, asked())).toEqual([0, 20, 0, 20])
    broken = false
    expect(await ledger.admit(batch)).toMatchObject({ code: 'OK' })
    const audit = await ledger.audit({ partition: 0, repair: false })
    expect(audit).toMatchObject({ drifts: [], index: [], counts: { pending: 6 } })
  })

  it('LedgerUnavailable: a read that fails says so, too', async () => {
    let broken = false
    const { wrap } = failing((sql) => broken && sql.startsWith('SELECT'))
    const { ledger } = openSqliteFixture(wrap)
    broken = true
    await expect(ledger.find({ partition: 0, rid: 'up_1' })).rejects.toEqual(unavailable)
    const listed = { partition: 0, owner: USER, states: ['P' as const], ridPrefix: '', limit: 1 }
    await expect(ledger.list(listed)).rejects.toEqual(unavailable)
    await expect(ledger.claim({ partition: 0, limit: 1, leaseMs: 1 })).rejects.toEqual(unavailable)
  })

  it('lets everyone close who wants to, once all that waits is answered', async () => {
    const { ledger } = openSqliteFixture()
    const waiting = ledger.admit(reserve('up_1', asked()))
    await Promise.all([ledger.close(), ledger.close()])
    expect(await waiting).toMatchObject({ code: 'OK' })
    await expect(ledger.admit(reserve('up_2', asked()))).rejects.toEqual(unavailable)
    await expect(ledger.find({ partition: 0, rid: 'up_1' })).rejects.toEqual(unavailable)
  })
})
