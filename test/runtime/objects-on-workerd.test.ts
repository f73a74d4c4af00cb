import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { everyReplyContract } from '../contract/every-reply.contract.ts'
import { ledgerContract } from '../contract/ledger.contract.ts'
import { auditContract, type Damage } from '../contract/ledger-audit.contract.ts'
import { finishOf, START_MS, wanted } from '../contract/ledger-commands.ts'
import { stateStoreContract } from '../contract/state-store.contract.ts'
import { replacedCounter } from '../ledger/damaged-state.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { type ObjectsOnWorkerd, startObjects } from '../support/workerd/objects-on-workerd.ts'
import { describeOnRuntimes } from './runtimes-under-test.ts'

const YEAR_MS = 365 * 86_400_000

describeOnRuntimes(({ workerd }) => {
  const closing = new AsyncDisposableStack()
  let folder = ''
  let objects: ObjectsOnWorkerd
  let opened = 0

  beforeAll(async () => {
    const directory = await openTemporaryDirectory()
    closing.defer(directory.close)
    folder = directory.path
    objects = await startObjects(workerd, folder)
    closing.defer(() => objects[Symbol.asyncDispose]())
  })
  afterAll(() => closing.disposeAsync())

  /** Another place each time. */
  function open() {
    opened += 1
    const name = `ledger-${opened}`
    const home = `${name}-0`
    let movedMs = 0
    return {
      name,
      home,
      ledger: objects.ledger(name),
      nowMs: () => START_MS + movedMs,
      async advance(ms: number) {
        movedMs += ms
        await objects.call(home, 'advance', ms)
      },
      async close() {},
    }
  }

  ledgerContract('Durable Objects of workerd', async () => open())
  everyReplyContract('Durable Objects of workerd', async () => open())
  auditContract('Durable Objects of workerd', async () => {
    const ledger = open()
    return { ...ledger, damage: damageTo(ledger.home) }
  })
  stateStoreContract('Durable Objects of workerd', async () => {
    opened += 1
    const [one, other] = [objects.state(`state-${opened}`), objects.state(`state-${opened}`)]
    return { one, other, async close() {} }
  })

  function damageTo(object: string): Damage {
    const query = (sql: string, ...values: unknown[]) =>
      objects.call(object, 'query', sql, ...values)
    const rawSubject = async (id: string) => {
      const rows = (await query('SELECT state FROM subject WHERE id = ?', id)) as {
        state: string
      }[]
      return String(rows[0]?.state)
    }
    const set =
      (offset: number) => async (id: string, limit: number, window: number, to: number) => {
        const state = replacedCounter(JSON.parse(await rawSubject(id)), [limit, window], offset, to)
        await query('UPDATE subject SET state = ? WHERE id = ?', JSON.stringify(state), id)
      }
    const run = (sql: string) => async (name: string) => void (await query(sql, name))
    return {
      setPending: set(3),
      setPosted: set(2),
      dropFromIndex: run('UPDATE reservation SET due = NULL WHERE rid = ?'),
      addStray: run('UPDATE reservation SET due = 0 WHERE rid = ?'),
      loseSubject: run('DELETE FROM subject WHERE id = ?'),
      breakSubject: run("UPDATE subject SET state = 'no JSON' WHERE id = ?"),
      breakRecord: run("UPDATE reservation SET hold = '[1,' WHERE rid = ?"),
      rawSubject,
    }
  }

  describe('partitions in Durable Objects', () => {
    it('know nothing of each other, and their reservations say whose they are', async () => {
      const { ledger } = open()
      const [first, second] = [
        { ...wanted({ bytes: 600 }), partition: 3 },
        { ...wanted({ bytes: 600 }), partition: 250 },
      ]
      expect(await ledger.admit(first)).toMatchObject({ code: 'OK' })
      expect(await ledger.admit(second)).toMatchObject({ code: 'OK' })
      expect(await ledger.finish(finishOf(first, 'S', 600))).toMatchObject({ code: 'OK' })
      expect(await ledger.find(first)).toMatchObject({ partition: 3, state: 'S' })
      expect(await ledger.find(second)).toMatchObject({ partition: 250, state: 'P' })
      const request = { partition: 250, owner: 'u-alice', ridPrefix: 'up_', limit: 10 }
      const listed = await ledger.list({ ...request, states: ['P', 'S'] })
      expect(listed).toMatchObject([{ partition: 250, rid: 'up_1', state: 'P' }])
      const recent = { partition: 3, sinceMs: 0, settledMs: () => undefined, limit: 10 }
      expect(await ledger.recent(recent)).toMatchObject([{ partition: 3, state: 'S' }])
    })

    it('have an alarm set for the next reservation that is due, and for no later one', async () => {
      const { ledger, home, name, advance, nowMs } = open()
      // An alarm that lies in the machine's past rings at once.
      await advance(10 * YEAR_MS)
      await ledger.admit(wanted({ lookMs: 5_000 }))
      expect(await alarmOf(home)).toBe(nowMs() + 5_000)
      await ledger.admit(wanted({ rid: 'up_2', lookMs: 9_000 }))
      expect(await alarmOf(home)).toBe(nowMs() + 5_000)
      await ledger.admit(wanted({ rid: 'up_3', lookMs: 2_000 }))
      expect(await alarmOf(home)).toBe(nowMs() + 2_000)
      expect(await alarmOf(`${name}-1`)).toBe(null)
    })

    it('lose nothing that they acknowledged when workerd is killed', async () => {
      const { ledger, name } = open()
      const acknowledged: string[] = []
      let n = 0
      async function admitOn(): Promise<void> {
        for (;;) {
          n += 1
          const command = wanted({ rid: `up_${n}`, burst: 100_000 })
          const reply = await ledger.admit(command).catch(() => undefined)
          if (reply?.code !== 'OK') return
          acknowledged.push(command.rid)
          if (acknowledged.length === 60) objects.process.kill('SIGKILL')
        }
      }
      await Promise.all(Array.from({ length: 8 }, admitOn))
      await objects.process.ended
      objects = await startObjects(workerd, folder)
      const after = objects.ledger(name)
      expect(acknowledged.length).toBeGreaterThanOrEqual(60)
      const found = acknowledged.map((rid) => after.find({ partition: 0, rid }))
      const states = (await Promise.all(found)).map((reservation) => reservation?.state)
      expect(new Set(states)).toEqual(new Set(['P']))
      const { drifts, index } = await after.audit({ partition: 0, repair: false })
      expect([drifts, index]).toEqual([[], []])
    })

    async function alarmOf(object: string): Promise<unknown> {
      return await objects.call(object, 'alarmAt')
    }
  })
})
