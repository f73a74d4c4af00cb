import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { createGroupCommit } from '../../src/ledger/group-commit.ts'

/** A group commit on a database in memory, and how many items each of its transactions had. */
function open() {
  const database = new DatabaseSync(':memory:')
  const transactions: number[] = []
  const commits = createGroupCommit({
    database: {
      exec(sql) {
        if (sql.startsWith('BEGIN')) transactions.push(0)
        database.exec(sql)
      },
      prepare: (sql) => database.prepare(sql),
      close: () => database.close(),
    },
    schedule: (run) => void setImmediate(run),
    flush: () => {},
    forget: () => {},
  })
  const run = (records?: number) =>
    commits.run(() => {
      transactions[transactions.length - 1] = (transactions.at(-1) ?? 0) + 1
    }, records)
  return { run, transactions }
}

it('puts 64 of one turn into one transaction, and the rest into the next', async () => {
  const { run, transactions } = open()
  await Promise.all(Array.from({ length: 130 }, () => run()))
  expect(transactions).toEqual([64, 64, 2])
})

it('counts an item by its records: 64 fill a transaction, and what has more is alone in its own', async () => {
  const { run, transactions } = open()
  await Promise.all([run(), run(63), run(1), run(64), run(1_000), run(1_000), run(), run()])
  expect(transactions).toEqual([2, 1, 1, 1, 1, 2])
})

it('Overloaded: 32,768 records may wait and one more may not, until they are answered', async () => {
  const { run } = open()
  const waiting = [run(30_000), run(2_767), run()]
  await expect(run()).rejects.toMatchObject({ code: 'Overloaded' })
  await Promise.all(waiting)
  await run(32_768)
})

it('Overloaded: 2,048 items may wait and one more may not', async () => {
  const { run } = open()
  const waiting = Array.from({ length: 2_048 }, () => run())
  await expect(run()).rejects.toMatchObject({ code: 'Overloaded' })
  await Promise.all(waiting)
})
