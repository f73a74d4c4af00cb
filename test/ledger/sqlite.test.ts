import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Ledger } from '../../src/ledger/port.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite.ts'
import type { SqlDatabase } from '../../src/sql-database.ts'
import { ledgerContract } from '../contract/ledger.contract.ts'
import { START_MS, wanted } from '../contract/ledger-commands.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { TestClock } from '../support/test-clock.ts'

const schedule = (run: () => void) => void setImmediate(run)

ledgerContract('SQLite', async () => {
  const directory = await openTemporaryDirectory()
  const clock = new TestClock(START_MS)
  const database = new DatabaseSync(join(directory.path, 'ledger.db'))
  const ledger = openSqliteLedger({ database, clock, schedule })
  const close = async () => {
    await ledger.close()
    await directory.close()
  }
  return { ledger, advance: (ms) => clock.advance(ms), close }
})

describe('the SQLite ledger', () => {
  let directory: Awaited<ReturnType<typeof openTemporaryDirectory>>
  let path: string
  beforeEach(async () => {
    directory = await openTemporaryDirectory()
    path = join(directory.path, 'ledger.db')
  })
  afterEach(() => directory.close())

  const open = (database: SqlDatabase = new DatabaseSync(path)) =>
    openSqliteLedger({ database, clock: new TestClock(START_MS), schedule })

  it('keeps its salt, its reservations and its counters over a restart', async () => {
    const first = open()
    await first.admit(wanted({ bytes: 60, limit: 100 }))
    await first.close()
    const second = open()
    expect(second.salt).toBe(first.salt)
    expect(await second.find({ partition: 0, rid: 'up_1' })).toMatchObject({ state: 'P' })
    const refused = await second.admit(wanted({ rid: 'up_2', bytes: 41, limit: 100 }))
    expect(refused).toMatchObject({ code: 'DENIED' })
    await second.close()
  })

  it('refuses to run where synchronous=FULL or WAL does not take effect', () => {
    expect(() => open(deaf(new DatabaseSync(path), 'synchronous'))).toThrow(
      /"synchronous" must be FULL/,
    )
    const elsewhere = new DatabaseSync(join(directory.path, 'other.db'))
    expect(() => open(deaf(elsewhere, 'journal_mode'))).toThrow(/"journal_mode" must be WAL/)
  })

  it('opens what a runtime keeps as it is: no PRAGMA, no BEGIN, and tables of the runtime beside its own', async () => {
    const database = new DatabaseSync(path)
    database.exec('CREATE TABLE _cf_KV (name TEXT)')
    const said: string[] = []
    const kept: SqlDatabase = {
      ...spied(database, (sql) => said.push(sql)),
      transaction(work) {
        database.exec('BEGIN')
        try {
          return work()
        } finally {
          database.exec('COMMIT')
        }
      },
    }
    const ledger = open(kept)
    expect(await ledger.admit(wanted({ bytes: 60 }))).toMatchObject({ code: 'OK' })
    expect(said.filter((sql) => /^(?:PRAGMA|BEGIN|COMMIT|ROLLBACK)/.test(sql))).toEqual([])
    await ledger.close()
  })

  it('takes over the file of version 0.1.0: subjects move from the note to a column of their own', async () => {
    const database = new DatabaseSync(path)
    database.exec(`
      CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
      INSERT INTO meta VALUES ('schema', '1'), ('salt', 'kept');
      CREATE TABLE reservation (
        rid TEXT PRIMARY KEY, state TEXT NOT NULL, fp TEXT NOT NULL, exp INTEGER NOT NULL,
        due INTEGER, hold TEXT NOT NULL, note TEXT NOT NULL, actual INTEGER NOT NULL,
        over INTEGER NOT NULL, owner TEXT NOT NULL, ended INTEGER
      ) WITHOUT ROWID;
      INSERT INTO reservation VALUES ('up_1', 'P', 'fp', 5, 5, '[0,0]',
        '{"kind":"upload","subjects":["u-alice","t-acme"]}', -1, 0, 'u-alice', NULL);
    `)
    const first = open(database)
    expect(first.salt).toBe('kept')
    const subjects = ['u-alice', 't-acme']
    expect(await first.find({ partition: 0, rid: 'up_1' })).toMatchObject({ subjects })
    await first.close()
    const again = open(new DatabaseSync(path))
    expect(await again.find({ partition: 0, rid: 'up_1' })).toMatchObject({ subjects })
    await again.close()
  })

  it('refuses the file of a newer version and of another program, and leaves both as they are', () => {
    const database = new DatabaseSync(path)
    database.exec(
      "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT); INSERT INTO meta VALUES ('schema', '3')",
    )
    expect(() => open(database)).toThrow(/schema 3 is newer than 2/)
    const tables = database.prepare('SELECT name FROM sqlite_schema').all()
    expect(tables.map(({ name }) => name)).not.toContain('reservation')
    const other = new DatabaseSync(join(directory.path, 'other.db'))
    other.exec('CREATE TABLE photo (id INTEGER)')
    expect(() => open(other)).toThrow(/not a ledger/)
  })

  it('commits all commands of a turn together, at most 64, before it answers', async () => {
    const database = new DatabaseSync(path)
    const commits: number[] = []
    let answered = 0
    const ledger = open(spied(database, (sql) => sql === 'COMMIT' && commits.push(answered)))
    commits.length = 0
    const asked = Array.from({ length: 100 }, async (_, n) => {
      await ledger.admit(wanted({ rid: `up_${n}`, burst: 1_000 }))
      answered += 1
    })
    await Promise.all(asked)
    expect(commits).toEqual([0, 64])
    await ledger.close()
  })

  it('does nothing of a transaction that fails, then each command by itself', async () => {
    const database = new DatabaseSync(path)
    const ledger = open(database)
    database.exec(`CREATE TRIGGER refuse BEFORE INSERT ON reservation WHEN new.rid = 'up_bad'
      BEGIN SELECT RAISE(ABORT, 'no'); END`)
    const results = await Promise.allSettled(
      ['up_1', 'up_bad', 'up_2'].map((rid) => ledger.admit(wanted({ rid, bytes: 10, limit: 100 }))),
    )
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(results[1]).toMatchObject({
      reason: { code: 'LedgerUnavailable', cause: { message: 'no' } },
    })
    const next = await ledger.admit(wanted({ rid: 'up_3', bytes: 1, limit: 100 }))
    expect(next).toMatchObject({ code: 'OK', levels: expect.arrayContaining([0, 20]) })
    await ledger.close()
  })

  it('acknowledges nothing whose commit fails', async () => {
    let failing = false
    const fail = (sql: string) => {
      if (failing && sql === 'COMMIT') throw new Error('disk I/O error')
    }
    const ledger = open(spied(new DatabaseSync(path), fail))
    failing = true
    const asked = ['up_1', 'up_2'].map((rid) => ledger.admit(wanted({ rid, bytes: 10 })))
    const results = await Promise.allSettled(asked)
    const rejected = { status: 'rejected', reason: { code: 'LedgerUnavailable' } }
    expect(results).toMatchObject([rejected, rejected])
    failing = false
    expect(await ledger.find({ partition: 0, rid: 'up_1' })).toBeUndefined()
    const next = await ledger.admit(wanted({ bytes: 10 }))
    expect(next).toMatchObject({ code: 'OK', levels: [100_000_000, 0, 0, 0, 0] })
    await ledger.close()
  })

  it('503 while the disk is full, and goes on when there is room again', async () => {
    const database = new DatabaseSync(path)
    const ledger = open(database)
    const admitted = await fill(ledger, database)
    const refusal = { code: 'LedgerUnavailable', cause: { message: 'database or disk is full' } }
    await expect(ledger.admit(wanted({ rid: 'up_full', burst: 1e6 }))).rejects.toMatchObject(
      refusal,
    )
    database.exec('PRAGMA max_page_count = 1000000')
    expect(await ledger.admit(wanted({ rid: 'up_full', burst: 1e6 }))).toMatchObject({ code: 'OK' })
    expect(await ledger.find({ partition: 0, rid: `up_${admitted - 1}` })).toMatchObject({
      state: 'P',
    })
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    await ledger.close()
  })

  it('Overloaded: at most 2,048 commands wait', async () => {
    const ledger = open()
    const asked = Array.from({ length: 2_049 }, (_, n) =>
      ledger.admit(wanted({ rid: `up_${n}`, burst: 1e6 })),
    )
    const results = await Promise.allSettled(asked)
    const refused = results.filter(({ status }) => status === 'rejected')
    expect(refused).toMatchObject([{ reason: { code: 'Overloaded' } }])
    await ledger.close()
  })

  it('answers all that waits before it closes, and nothing after', async () => {
    const ledger = open()
    const waiting = ledger.admit(wanted())
    await ledger.close()
    expect(await waiting).toMatchObject({ code: 'OK' })
    const unavailable = { code: 'LedgerUnavailable' }
    await expect(ledger.admit(wanted({ rid: 'up_2' }))).rejects.toMatchObject(unavailable)
    await expect(ledger.find({ partition: 0, rid: 'up_1' })).rejects.toMatchObject(unavailable)
  })

  it('loses nothing that it acknowledged when its process is killed', async () => {
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'reserve-for-ever.ts'), path],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    const ended = once(child, 'exit')
    const acknowledged: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged.push(line)
      if (acknowledged.length === 500) child.kill('SIGKILL')
    }
    expect(await ended).toEqual([null, 'SIGKILL'])
    const ledger = open()
    const found = await Promise.all(acknowledged.map((rid) => ledger.find({ partition: 0, rid })))
    expect(acknowledged.length).toBeGreaterThanOrEqual(500)
    expect(found.filter((reservation) => reservation?.state !== 'P')).toEqual([])
    const look = await ledger.admit({ ...wanted({ burst: 1e6 }), op: 'Q' })
    const recorded = await ledger.list({
      partition: 0,
      owner: 'u-alice',
      states: ['P'],
      ridPrefix: 'up_',
      limit: 1e6,
    })
    // Every reservation holds one byte: the counter and the records were never torn apart.
    expect(look).toMatchObject({ code: 'OK', levels: expect.arrayContaining([0, recorded.length]) })
    await ledger.close()
  })
})

/** Reserves until the file may grow no more; returns how many were taken. */
async function fill(ledger: Ledger, database: DatabaseSync): Promise<number> {
  database.exec('PRAGMA max_page_count = 40')
  for (let n = 0; n < 10_000; n += 1) {
    try {
      await ledger.admit(wanted({ rid: `up_${n}`, burst: 1e6 }))
    } catch {
      return n
    }
  }
  throw new Error('Cannot fill the file: it has no limit')
}

/** A database that hears every statement but the setting of one pragma. */
function deaf(database: DatabaseSync, pragma: string): SqlDatabase {
  // `node:sqlite` begins with FULL.
  database.exec('PRAGMA synchronous = NORMAL')
  return spied(database, (sql) => sql.startsWith(`PRAGMA ${pragma} =`))
}

/** `skip` sees each statement that is executed; what it returns `true` for is not. */
function spied(database: DatabaseSync, skip: (sql: string) => unknown): SqlDatabase {
  return {
    exec(sql) {
      if (skip(sql) !== true) database.exec(sql)
    },
    prepare: (sql) => database.prepare(sql),
    close: () => database.close(),
  }
}
