import { writeSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { openSqliteLedger } from '../../src/ledger/sqlite.ts'
import { START_MS, wanted } from '../contract/ledger-commands.ts'

/*
 * Run by `sqlite.test.ts` until it is killed: reserves one byte at a time, several at once, and
 * prints each id only after the ledger has answered for it.
 */
const STDOUT = 1
const AT_ONCE = 8

const ledger = openSqliteLedger({
  database: new DatabaseSync(process.argv[2] ?? ''),
  clock: { nowMs: () => START_MS },
  schedule: (run) => void setImmediate(run),
})

for (let n = 0; ; n += AT_ONCE) {
  const asked = Array.from({ length: AT_ONCE }, async (_, index) => {
    const rid = `up_${n + index}`
    const reply = await ledger.admit(wanted({ rid, bytes: 1, limit: 1e9, burst: 1e9 }))
    if (reply.code === 'OK') writeSync(STDOUT, `${rid}\n`)
  })
  await Promise.all(asked)
}
