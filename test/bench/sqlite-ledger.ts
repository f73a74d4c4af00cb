import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { systemClock } from '../../src/clock.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite.ts'
import { type Report, rounded } from './figure.ts'
import { reservations, reservedPerSecond } from './ledger-load.ts'
import { median } from './rounds.ts'
import { temporaryFolder } from './workspace.ts'

const ROUNDS = 5
const ROUND_MS = 1_000
const WARM_UP_MS = 1_000
/** `PRAGMA synchronous` as SQLite answers it. */
const FULL = 2

/** Reservations over three rates and seven quotas, against a file that survives a power cut. */
export async function sqliteLedger(report: Report): Promise<void> {
  const database = new DatabaseSync(join(temporaryFolder(), 'signet.db'))
  const ledger = openSqliteLedger({
    database,
    clock: systemClock,
    schedule: (run) => void setImmediate(run),
  })
  try {
    const { synchronous } = database.prepare('PRAGMA synchronous').get() ?? {}
    if (synchronous !== FULL) throw new Error(`Cannot measure: synchronous is ${synchronous}`)
    const next = reservations(ledger)
    await reservedPerSecond(ledger, next, WARM_UP_MS)
    const values: number[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      values.push(await reservedPerSecond(ledger, next, ROUND_MS))
    }
    const value = rounded(median(values))
    report({ name: 'ledger.sqlite.perSecond', value, unit: 'per second' })
  } finally {
    await ledger.close()
  }
}
