import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { openSqliteAudit, type SqliteAuditOptions } from '../../src/audit/sqlite.ts'
import type { SqlDatabase, SqlValue } from '../../src/sql-database.ts'
import { auditContract, eventAt, momentAt, pagesOf } from '../contract/audit.contract.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { TestClock } from '../support/test-clock.ts'
import { until } from '../support/until.ts'

const schedule = (run: () => void) => void setImmediate(run)
const RETRY_MS = 5

function openOn(database: DatabaseSync, changes: Partial<SqliteAuditOptions> = {}) {
  return openSqliteAudit({ database, clock: new TestClock(), schedule, ...changes })
}

/** A log, and what it asks of its database. */
function openWatched() {
  const database = new DatabaseSync(':memory:')
  const asked: { readonly sql: string; readonly values: readonly SqlValue[] }[] = []
  const watched: SqlDatabase = {
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
    prepare(sql) {
      const statement = database.prepare(sql)
      return {
        run: (...values) => statement.run(...values),
        get: (...values) => statement.get(...values),
        iterate: (...values) => statement.iterate(...values),
        all(...values) {
          if (values.length > 0) asked.push({ sql, values })
          return statement.all(...values)
        },
      }
    },
  }
  const audit = openSqliteAudit({ database: watched, clock: new TestClock(), schedule })
  return { audit, database, asked }
}

auditContract('SQLite', async ({ maxBuffered }) => {
  const directory = await openTemporaryDirectory()
  const path = `${directory.path}/audit.db`
  const database = new DatabaseSync(path)
  const audit = openOn(database, { maxBuffered, retryMs: RETRY_MS })
  const other = openOn(new DatabaseSync(path))
  return {
    audit,
    other,
    fail: async () => database.exec('PRAGMA query_only = 1'),
    heal: async () => database.exec('PRAGMA query_only = 0'),
    async close() {
      await audit.close()
      await other.close()
      await directory.close()
    },
  }
})

describe('an audit log in SQLite', () => {
  it('lets go of events that are older than they are kept, and of no other', async () => {
    const clock = new TestClock(momentAt(0))
    const audit = openOn(new DatabaseSync(':memory:'), { clock, keepDays: 1 })
    for (const second of [0, 1, 2]) await audit.append(eventAt(second, {}))
    clock.advance(86_400_000 + 1_000)
    await audit.append(eventAt(86_401, {}))
    const { events } = await audit.query({ limit: 10 })
    expect(events).toEqual([86_401, 2, 1].map((second) => eventAt(second, {})))
    await audit.close()
  })

  it('removes old events faster than new ones come', async () => {
    const clock = new TestClock(momentAt(0))
    const database = new DatabaseSync(':memory:')
    const audit = openOn(database, { clock, keepDays: 1 })
    const many = (second: number, count: number) =>
      Promise.all(Array.from({ length: count }, () => audit.append(eventAt(second, {}))))
    await many(0, 100)
    clock.advance(10 * 86_400_000)
    const counts: unknown[] = []
    for (let turn = 0; turn < 3; turn += 1) {
      await many(864_000, 20)
      const row = database.prepare('SELECT count(*) AS n FROM audit_event WHERE at_ms < ?')
      counts.push(row.get(momentAt(1))?.n)
    }
    expect(counts).toEqual([50, 0, 0])
    await audit.close()
  })

  it('keeps events for good unless told otherwise', async () => {
    const clock = new TestClock(momentAt(0))
    const audit = openOn(new DatabaseSync(':memory:'), { clock })
    await audit.append(eventAt(0, {}))
    clock.advance(10_000 * 86_400_000)
    await audit.append(eventAt(1, {}))
    expect((await audit.query({ limit: 10 })).events).toHaveLength(2)
    await audit.close()
  })

  it('looks at so many rows of others and no more, and goes on where it was', async () => {
    const database = new DatabaseSync(':memory:')
    const audit = openOn(database)
    await audit.append(eventAt(0, { bucket: 'rare' }))
    database.exec(`
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
      INSERT INTO audit_event (at_ms, event)
        SELECT ${momentAt(1)}, json_object('event', 'upload.granted', 'at', '${eventAt(1, {}).at}')
        FROM n
    `)
    const pages = await pagesOf(audit, { bucket: 'rare', limit: 10 })
    expect(pages.map(({ length }) => length)).toEqual([0, 1])
    await audit.close()
  })

  it.each([
    [{}, ['audit_event_at', 'at_ms>? AND at_ms<?']],
    [{ tenant: 'acme' }, ['audit_event_tenant', 'tenant=? AND at_ms>? AND at_ms<?']],
    [
      { tenant: 'acme', user: 'alice' },
      ['audit_event_user', 'tenant=? AND user=? AND at_ms>? AND at_ms<?'],
    ],
    [
      { tenant: 'acme', grantHash: '0123456789abcdef' },
      ['audit_event_grant', '<expr>=? AND at_ms>? AND at_ms<?'],
    ],
    [
      { tenant: 'acme', requestId: 'req-1' },
      ['audit_event_request', '<expr>=? AND at_ms>? AND at_ms<?'],
    ],
  ])('finds %j by an index, and nothing has to be sorted', async (query, [index, terms]) => {
    const { audit, database, asked } = openWatched()
    await audit.query({ ...query, limit: 1 })
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${asked[0]?.sql}`).all()
    const details = plan.map(({ detail }) => detail)
    expect(details).toEqual([`SEARCH audit_event USING INDEX ${index} (${terms})`])
    await audit.close()
  })

  it('begins a page where the one before ended, and not at the newest event', async () => {
    const { audit, asked } = openWatched()
    for (const second of [0, 1, 2, 3]) await audit.append(eventAt(second, {}))
    const { next = '' } = await audit.query({ limit: 2 })
    asked.length = 0
    const { events } = await audit.query({ limit: 2, untilMs: momentAt(3), after: next })
    expect(events).toEqual([1, 0].map((second) => eventAt(second, {})))
    // The bounds of `at_ms`: with the position's own moment, for a page may end within one.
    expect(asked[0]?.values[1]).toBe(momentAt(2) + 1)
    await audit.query({ limit: 2, untilMs: momentAt(1), after: next })
    expect(asked[1]?.values[1]).toBe(momentAt(1))
    await audit.close()
  })

  it('passes over a row that holds no event', async () => {
    const database = new DatabaseSync(':memory:')
    const audit = openOn(database)
    await audit.append(eventAt(0, {}))
    for (const text of ['', '{', 'null', '[]', '{"event":1,"at":"x"}']) {
      database
        .prepare('INSERT INTO audit_event (at_ms, event) VALUES (?, ?)')
        .run(momentAt(1), text)
    }
    await audit.append(eventAt(2, {}))
    expect((await audit.query({ limit: 10 })).events).toEqual([eventAt(2, {}), eventAt(0, {})])
    await audit.close()
  })

  it('goes on after a write that failed in the middle', async () => {
    const database = new DatabaseSync(':memory:')
    const audit = openOn(database, { retryMs: RETRY_MS })
    database.exec('ALTER TABLE audit_event RENAME TO away')
    await audit.append(eventAt(0, {}))
    expect(database.isTransaction).toBe(false)
    database.exec('ALTER TABLE away RENAME TO audit_event')
    await audit.append(eventAt(1, {}))
    const both = async () => (await audit.query({ limit: 10 })).events.length === 2
    await until('both are there', both)
    await audit.close()
  })

  it('does not hold everything up while another process holds the file, and loses nothing', async () => {
    const directory = await openTemporaryDirectory()
    const path = `${directory.path}/audit.db`
    const audit = openOn(new DatabaseSync(path), { retryMs: RETRY_MS })
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    const startMs = performance.now()
    for (let second = 0; second < 500; second += 1) await audit.append(eventAt(second, {}))
    // 500 tries would be 10 s, and a single one of a long wait 2 s.
    expect(performance.now() - startMs).toBeLessThan(1_500)
    other.exec('ROLLBACK')
    other.close()
    const all = async () => (await audit.query({ limit: 1_000 })).events.length === 500
    await until('all are there', all)
    await audit.close()
    await directory.close()
  })

  it('opens no database of something else, and leaves it as it is', () => {
    const database = new DatabaseSync(':memory:')
    database.exec('CREATE TABLE other (x)')
    expect(() => openOn(database)).toThrow(
      expect.objectContaining({ code: 'AuditUnavailable' }) as Error,
    )
    const tables = database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()
    expect(tables?.n).toBe(1)
  })

  it('503: says of a file that is gone only that there is no answer', async () => {
    const database = new DatabaseSync(':memory:')
    const audit = openOn(database)
    database.close()
    await expect(audit.query({ limit: 1 })).rejects.toMatchObject({
      code: 'AuditUnavailable',
      message: 'Cannot query the audit log: no answer',
    })
  })
})
