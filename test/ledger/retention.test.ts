import { afterAll, describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import type { Ledger } from '../../src/ledger/port.ts'
import { carried, landed, ref, reserve, stored, USER } from '../contract/reservation-commands.ts'
import { TestClock } from '../support/test-clock.ts'
import { openSqliteFixture, removeSqliteFiles } from './sqlite-fixture.ts'

const DAY_MS = 86_400_000
const asked = [{ subject: USER, quotas: [stored(1, 10)] }]

async function sweep(ledger: Ledger): Promise<void> {
  await ledger.claim({ partition: 0, limit: 1, leaseMs: 1 })
}

afterAll(removeSqliteFiles)

describe.each([
  {
    name: 'memory',
    open: () => {
      const clock = new TestClock()
      return { clock, ledger: openMemoryLedger({ clock }) }
    },
  },
  { name: 'sqlite', open: () => openSqliteFixture() },
])('retention: $name', ({ open }) => {
  it('remembers an ending for a day, and forgets it when the day is over', async () => {
    const { clock, ledger } = open()
    const command = reserve('up_1', asked)
    await ledger.admit(command)
    await ledger.finish({ ...ref(command), op: 'S', ...landed(1) })
    clock.advance(DAY_MS)
    await sweep(ledger)
    expect(await ledger.find(command)).toMatchObject({ state: 'S' })
    clock.advance(1)
    await sweep(ledger)
    expect(await ledger.find(command)).toBeUndefined()
    expect(await ledger.finish({ ...ref(command), op: 'V' })).toMatchObject({ code: 'UNKNOWN' })
  })

  it('never forgets what is pending or condemned, and a condemned one a day after it is gone', async () => {
    const { clock, ledger } = open()
    await ledger.admit(reserve('up_1', asked, { ttlMs: 1 }))
    const condemned = carried([{ subject: USER, quotas: [stored(1, 0)] }], 'up_2')
    await ledger.finish({ op: 'L', ...condemned, ...landed(1) })
    clock.advance(400 * DAY_MS)
    await sweep(ledger)
    expect(await ledger.find({ partition: 0, rid: 'up_1' })).toMatchObject({ state: 'P' })
    expect(await ledger.find({ partition: 0, rid: 'up_2' })).toMatchObject({ state: 'D' })
    await ledger.finish({ op: 'G', ...condemned })
    clock.advance(DAY_MS)
    await sweep(ledger)
    expect(await ledger.find({ partition: 0, rid: 'up_2' })).toMatchObject({ state: 'D' })
    clock.advance(1)
    await sweep(ledger)
    expect(await ledger.find({ partition: 0, rid: 'up_2' })).toBeUndefined()
  })

  it('counts the day of a late object from when it was settled, and holds up no other', async () => {
    const { clock, ledger } = open()
    for (const rid of ['up_1', 'up_2']) {
      await ledger.admit(reserve(rid, asked))
      await ledger.finish({ ...ref(reserve(rid, asked)), op: 'V' })
    }
    clock.advance(DAY_MS / 2)
    await ledger.finish({ op: 'L', ...carried(asked, 'up_1'), ...landed(1) })
    clock.advance(DAY_MS / 2 + 1)
    await sweep(ledger)
    expect(await ledger.find({ partition: 0, rid: 'up_1' })).toMatchObject({ state: 'S' })
    expect(await ledger.find({ partition: 0, rid: 'up_2' })).toBeUndefined()
    clock.advance(DAY_MS / 2)
    await sweep(ledger)
    expect(await ledger.find({ partition: 0, rid: 'up_1' })).toBeUndefined()
  })
})
