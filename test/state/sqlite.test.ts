import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { openSqliteLedger } from '../../src/ledger/sqlite.ts'
import { openSqliteState } from '../../src/state/sqlite.ts'
import { START_MS, wanted } from '../contract/ledger-commands.ts'
import { stateStoreContract } from '../contract/state-store.contract.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { TestClock } from '../support/test-clock.ts'

const schedule = (run: () => void) => void setImmediate(run)
const ROUNDS = 60

/** Writes over the version that it has seen, until it has won often enough. */
const RACER = `
import { DatabaseSync } from 'node:sqlite'
import { openSqliteState } from ${JSON.stringify(
  new URL('../../src/state/sqlite.ts', import.meta.url).href,
)}
const state = openSqliteState(new DatabaseSync(process.argv[1]))
let won = 0
while (won < ${ROUNDS}) {
  const { version, value } = await state.get('race')
  const next = { name: 'race', value: String(Number(value) + 1), ifVersion: version }
  if (await state.put(next)) won += 1
}
`

/** What wrote documents before they had positions. */
const OLDER_TABLE =
  'CREATE TABLE document (name TEXT PRIMARY KEY, version INTEGER NOT NULL, value TEXT NOT NULL)'
const OLDER_WRITE = `
  INSERT INTO document (name, version, value) VALUES (?, 1, ?)
  ON CONFLICT (name) DO UPDATE SET version = version + 1, value = excluded.value
`

async function openFile() {
  const directory = await openTemporaryDirectory()
  return { path: join(directory.path, 'signet.db'), close: directory.close }
}

/** As a gateway has them: two connections to one file. */
function openBoth(path: string) {
  const clock = new TestClock(START_MS)
  const ledger = openSqliteLedger({ database: new DatabaseSync(path), clock, schedule })
  return { ledger, state: openSqliteState(new DatabaseSync(path)) }
}

stateStoreContract('SQLite', async () => {
  const file = await openFile()
  const [one, other] = [1, 2].map(() => openSqliteState(new DatabaseSync(file.path))) as [
    ReturnType<typeof openSqliteState>,
    ReturnType<typeof openSqliteState>,
  ]
  return {
    one,
    other,
    async close() {
      await one.close()
      await other.close()
      await file.close()
    },
  }
})

describe('the state store in the file of the ledger', () => {
  it('loses no compare-and-set of two processes', async () => {
    const file = await openFile()
    const state = openSqliteState(new DatabaseSync(file.path))
    try {
      await state.put({ name: 'race', value: '0' })
      const exits = [1, 2].map(async () => {
        const how = ['--input-type=module', '-e', RACER, file.path]
        const [code] = await once(spawn(process.execPath, how, { stdio: 'inherit' }), 'exit')
        return code
      })
      expect(await Promise.all(exits)).toEqual([0, 0])
      const version = 2 * ROUNDS + 1
      expect(await state.get('race')).toMatchObject({ version, value: String(2 * ROUNDS) })
    } finally {
      await state.close()
      await file.close()
    }
  })

  it('keeps no decision of the ledger waiting for the file, nor is kept by one', async () => {
    const file = await openFile()
    const { ledger, state } = openBoth(file.path)
    try {
      const decided = Array.from({ length: 20 }, async (_, turn) => {
        const rids = Array.from({ length: 8 }, (_each, n) => `up_${turn}_${n}`)
        const written = state.put({ name: 'race', value: 'v'.repeat(100_000) })
        const admitted = rids.map((rid) => ledger.admit(wanted({ rid, bytes: 1, burst: 1_000 })))
        const replies = await Promise.all(admitted)
        await written
        return replies.map(({ code }) => code)
      })
      expect(new Set((await Promise.all(decided)).flat())).toEqual(new Set(['OK']))
      expect(await state.get('race')).toMatchObject({ version: 20 })
    } finally {
      await ledger.close()
      await state.close()
      await file.close()
    }
  })

  it('is kept over a restart, and keeps no ledger from opening', async () => {
    const file = await openFile()
    try {
      for (const round of [1, 2]) {
        const { ledger, state } = openBoth(file.path)
        expect(await state.put({ name: 'probe/main', value: `round ${round}` })).toBe(round)
        await ledger.close()
        await state.close()
      }
    } finally {
      await file.close()
    }
  })

  it('counts the writes of versions that knew no positions, before and beside this one', async () => {
    const file = await openFile()
    const older = new DatabaseSync(file.path)
    older.exec(OLDER_TABLE)
    const write = older.prepare(OLDER_WRITE)
    write.run('run/b', 'before')
    write.run('run/a', 'before')
    const state = openSqliteState(new DatabaseSync(file.path))
    try {
      const namesOf = async (after: number) => {
        const { changes, last } = await state.changes({ kind: 'run', after, limit: 10 })
        return [last, ...changes.map(({ name, version }) => `${name} ${version}`)]
      }
      expect(new Set(await namesOf(0))).toEqual(new Set([2, 'run/a 1', 'run/b 1']))
      write.run('run/b', 'beside')
      expect(await namesOf(2)).toEqual([3, 'run/b 2'])
    } finally {
      older.close()
      await state.close()
      await file.close()
    }
  })

  it('503: says of a file that is gone only that there is no answer', async () => {
    const database = new DatabaseSync(':memory:')
    const state = openSqliteState(database)
    database.close()
    await expect(state.get('probe/main')).rejects.toMatchObject({ code: 'LedgerUnavailable' })
    await expect(state.put({ name: 'a', value: '' })).rejects.toMatchObject({
      code: 'LedgerUnavailable',
      message: 'Cannot use the shared state: no answer',
    })
  })
})
