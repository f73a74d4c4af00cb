import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { type Journal, type JournalEntry, openJournal } from '../../src/ledger/redis/journal.ts'
import type { SqlDatabase } from '../../src/sql-database.ts'

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
const NOW_MS = Date.UTC(2026, 0, 15, 12)
const BEFORE = { epoch: '7:aaaa', nowMs: NOW_MS }
const AFTER = { epoch: '8:bbbb', nowMs: NOW_MS }
const PARTITION = 3

function entry(rid: string, more: Partial<JournalEntry> = {}): JournalEntry {
  const expMs = NOW_MS + HOUR_MS
  const hold = [1, 21, 0, 5, 0]
  const common = { partition: PARTITION, fingerprint: 'fp', subjects: ['u-alice'], note: '{}' }
  return { ...common, rid, hold, limits: [10], expMs, ...more }
}

/** A journal in memory, and how often it asked its database for rows. */
function open(): { journal: Journal; asked: () => number } {
  const database = new DatabaseSync(':memory:')
  let asked = 0
  const counting: SqlDatabase = {
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
    prepare(sql) {
      const statement = database.prepare(sql)
      const counted =
        <T>(read: (...values: (string | number | null)[]) => T) =>
        (...values: (string | number | null)[]) => {
          asked += 1
          return read(...values)
        }
      return {
        run: (...values) => statement.run(...values),
        get: counted((...values) => statement.get(...values)),
        all: counted((...values) => statement.all(...values)),
        iterate: (...values) => statement.iterate(...values),
      }
    },
  }
  const schedule = (run: () => void) => void setImmediate(run)
  const journal = openJournal({ database: counting, retentionMs: 2 * HOUR_MS, schedule })
  return { journal, asked: () => asked }
}

const ridsOf = (entries: readonly JournalEntry[]) => entries.map(({ rid }) => rid)

it('takes all of a batch, or none of it', async () => {
  const { journal } = open()
  const odd = entry('up_2', { expMs: Number.NaN })
  const taking = journal.recordAll([entry('up_1'), odd, entry('up_3')], BEFORE)
  await expect(taking).rejects.toMatchObject({ code: 'LedgerUnavailable' })
  expect(journal.outdated(PARTITION, AFTER)).toEqual([])
  await journal.recordAll([entry('up_1'), entry('up_3')], BEFORE)
  expect(ridsOf(journal.outdated(PARTITION, AFTER))).toEqual(['up_1', 'up_3'])
})

it('hands out what was made under any other epoch, older or newer by its name, and only once', async () => {
  const { journal } = open()
  const made = [
    ['old', '7:aaaa'],
    ['same generation', '8:aaaa'],
    ['lost move', '9:cccc'],
    ['stands', AFTER.epoch],
  ]
  for (const [rid = '', epoch = ''] of made) {
    await journal.record(entry(rid), { epoch, nowMs: NOW_MS })
  }
  await journal.record(entry('elsewhere', { partition: 4 }), BEFORE)
  const found: string[] = []
  for (;;) {
    const some = ridsOf(journal.outdated(PARTITION, AFTER))
    if (some.length === 0) break
    found.push(...some)
    await journal.restated(some, AFTER.epoch)
  }
  expect(new Set(found)).toEqual(new Set(['lost move', 'old', 'same generation']))
  expect(found).toHaveLength(3)
  expect(journal.outdated(PARTITION, AFTER)).toEqual([])
  expect(ridsOf(journal.outdated(PARTITION, BEFORE))).toHaveLength(4)
})

it('hands out 500 entries at a time', async () => {
  const { journal } = open()
  const rids = Array.from({ length: 501 }, (_, n) => `up_${n}`)
  await Promise.all(rids.map((rid) => journal.record(entry(rid), BEFORE)))
  const first = ridsOf(journal.outdated(PARTITION, AFTER))
  expect(first).toHaveLength(500)
  await journal.restated(first, AFTER.epoch)
  expect(journal.outdated(PARTITION, AFTER)).toHaveLength(1)
})

it('does not ask its database again for a partition that has been restated', async () => {
  const { journal, asked } = open()
  await journal.record(entry('up_1'), AFTER)
  expect(journal.hasOutdated(PARTITION, AFTER)).toBe(false)
  const before = asked()
  for (let look = 0; look < 100; look += 1) {
    expect(journal.hasOutdated(PARTITION, AFTER)).toBe(false)
    expect(journal.outdated(PARTITION, AFTER)).toEqual([])
  }
  expect(asked()).toBe(before)
})

it('finds an entry whose reply came late, when its partition had been restated already', async () => {
  const { journal } = open()
  expect(journal.hasOutdated(PARTITION, AFTER)).toBe(false)
  await journal.record(entry('late'), BEFORE)
  expect(journal.hasOutdated(PARTITION, AFTER)).toBe(true)
  expect(ridsOf(journal.outdated(PARTITION, AFTER))).toEqual(['late'])
})

it('puts nothing back from its end on', async () => {
  const { journal } = open()
  const { expMs } = entry('up_1')
  await journal.record(entry('up_1'), BEFORE)
  expect(journal.outdated(PARTITION, { ...AFTER, nowMs: expMs - 1 })).toHaveLength(1)
  expect(journal.outdated(PARTITION, { ...AFTER, nowMs: expMs })).toEqual([])
})

it('puts nothing back whose end the ledger may have forgotten, however late it expires', async () => {
  const { journal } = open()
  await journal.record(entry('up_1', { expMs: NOW_MS + 24 * HOUR_MS }), BEFORE)
  const lastMs = NOW_MS + 2 * HOUR_MS - MINUTE_MS
  expect(journal.outdated(PARTITION, { ...AFTER, nowMs: lastMs - 1 })).toHaveLength(1)
  expect(journal.outdated(PARTITION, { ...AFTER, nowMs: lastMs })).toEqual([])
})

it('puts an ended reservation back for an hour, in which the end may be lost as well', async () => {
  const { journal } = open()
  await journal.record(entry('up_1', { expMs: NOW_MS + 24 * HOUR_MS }), BEFORE)
  await journal.ended('up_1', NOW_MS)
  await journal.ended('never was there', NOW_MS)
  const lastMs = NOW_MS + HOUR_MS
  expect(journal.outdated(PARTITION, { ...AFTER, nowMs: lastMs - 1 })).toHaveLength(1)
  expect(journal.outdated(PARTITION, { ...AFTER, nowMs: lastMs })).toEqual([])
})
