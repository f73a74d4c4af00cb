import { describe, expect, it } from 'vitest'
import { KIND, MAX_AMOUNT } from '../../src/ledger/port.ts'
import {
  type Asked,
  bytes,
  countersOf,
  landed,
  OBJECT,
  type OpenedLedger,
  ref,
  reserve,
  roomsOf,
  stored,
  TENANT,
  TTL_MS,
  USER,
} from './reservation-commands.ts'

const SECOND_US = 1_000_000
const rate = (id: number, incUs = SECOND_US) => ({ id, incUs, tauUs: 2 * SECOND_US })

/** Reserve. */
export function admitContract(open: () => Promise<OpenedLedger>): void {
  describe('reserve', () => {
    it('OK: records a pending reservation that ends after its time', async () => {
      const { ledger } = await open()
      const command = reserve('up_1', [{ subject: USER, quotas: [stored(10, 100)] }])
      const reply = await ledger.admit(command)
      if (reply.code !== 'OK') throw new Error(reply.code)
      expect(reply.expMs).toBe(reply.nowMs + TTL_MS)
      const { fingerprint, hold, subjects, note } = command
      const record = {
        state: 'P',
        fingerprint,
        expMs: reply.expMs,
        hold,
        subjects,
        note,
        actual: -1,
        over: 0,
      }
      expect(await ledger.find(command)).toEqual({ partition: 0, rid: 'up_1', ...record })
    })

    it('OK: gives the levels found before the charge, rates then quotas of each subject', async () => {
      const { ledger } = await open()
      const asked = [
        { subject: USER, rates: [rate(1)], quotas: [stored(10, 100)] },
        { subject: TENANT, quotas: [stored(20, 100), bytes(5, 100, 30)] },
      ]
      const first = await ledger.admit(reserve('up_1', asked))
      const second = await ledger.admit(reserve('up_2', asked))
      expect(first).toMatchObject({ levels: [2 * SECOND_US, 0, 0, 0, 0, 0, 0] })
      expect(second).toMatchObject({ levels: [expect.any(Number), 0, 10, 0, 20, 0, 5] })
    })

    it('EXISTS: the same again answers with what stands, and counts once', async () => {
      const { ledger } = await open()
      const asked = [{ subject: USER, rates: [rate(1)], quotas: [stored(10, 100)] }]
      const command = reserve('up_1', asked)
      const first = await ledger.admit(command)
      const expMs = first.code === 'OK' ? first.expMs : undefined
      expect(await ledger.admit(command)).toEqual({
        code: 'EXISTS',
        nowMs: expect.any(Number),
        state: 'P',
        expMs,
        actual: -1,
        note: command.note,
      })
      expect(await countersOf(ledger, asked)).toEqual([0, 10])
      expect((await roomsOf(ledger, asked))[0]).toBeGreaterThanOrEqual(SECOND_US)
    })

    it('EXISTS: answers with the ending once there is one, even late, refused or out of its window', async () => {
      const { ledger, nowMs } = await open()
      const asked = [{ subject: USER, quotas: [stored(100, 100)] }]
      const command = reserve('up_1', asked)
      await ledger.admit(command)
      await ledger.finish({ ...ref(command), op: 'S', ...landed(100), note: '{"done":1}' })
      const times = [{ deadlineMs: (await nowMs()) - 1_000 }, { endMs: 1 }, {}]
      for (const time of times) {
        expect(await ledger.admit(reserve('up_1', asked, time))).toMatchObject({
          code: 'EXISTS',
          state: 'S',
          actual: 100,
          note: '{"done":1}',
        })
      }
    })

    it('CONFLICT: the same id for another request changes nothing', async () => {
      const { ledger } = await open()
      const asked = [{ subject: USER, quotas: [stored(10, 100)] }]
      const command = reserve('up_1', asked)
      await ledger.admit(command)
      const before = await ledger.find(command)
      const other = await ledger.admit(reserve('up_1', asked, { fingerprint: 'other' }))
      expect(other).toEqual({ code: 'CONFLICT', nowMs: expect.any(Number), state: 'P' })
      expect(await countersOf(ledger, asked)).toEqual([0, 10])
      expect(await ledger.find(command)).toEqual(before)
    })

    it('DENIED: names every refusing limit and takes nothing at all from any', async () => {
      const { ledger } = await open()
      const asked = (amount: number, incUs: number): Asked[] => [
        {
          subject: USER,
          rates: [rate(1), rate(2, incUs)],
          quotas: [stored(1, 100), bytes(amount, 100, 30)],
        },
        {
          subject: TENANT,
          rates: [rate(3, incUs)],
          quotas: [stored(amount, 100), bytes(1, 100, 9)],
        },
      ]
      const before = await countersOf(ledger, asked(0, 0))
      const refused = reserve('up_1', asked(101, 2 * SECOND_US + 1))
      expect(await ledger.admit(refused)).toMatchObject({ code: 'DENIED', denied: [2, 4, 5, 6] })
      expect(await ledger.find(refused)).toBeUndefined()
      expect(await countersOf(ledger, asked(0, 0))).toEqual(before)
      expect(await roomsOf(ledger, asked(0, 0))).toEqual([2, 2, 2].map((n) => n * SECOND_US))
      const again = reserve('up_1', asked(100, 2 * SECOND_US))
      expect(await ledger.admit(again)).toMatchObject({ code: 'OK' })
    })

    it('fills a limit to the last byte and not one further', async () => {
      const { ledger } = await open()
      const asked = (amount: number) => [{ subject: USER, quotas: [stored(amount, 100)] }]
      expect(await ledger.admit(reserve('up_1', asked(99)))).toMatchObject({ code: 'OK' })
      expect(await ledger.admit(reserve('up_2', asked(2)))).toMatchObject({ denied: [1] })
      expect(await ledger.admit(reserve('up_3', asked(1)))).toMatchObject({ code: 'OK' })
      expect(await ledger.admit(reserve('up_4', asked(1)))).toMatchObject({ denied: [1] })
    })

    it('counts the largest amount to the byte', async () => {
      const { ledger } = await open()
      const asked = (amount: number) => [{ subject: USER, quotas: [stored(amount, MAX_AMOUNT)] }]
      await ledger.admit(reserve('up_1', asked(MAX_AMOUNT - 1)))
      expect(await ledger.admit(reserve('up_2', asked(2)))).toMatchObject({ code: 'DENIED' })
      expect(await ledger.admit(reserve('up_3', asked(1)))).toMatchObject({ code: 'OK' })
      expect(await countersOf(ledger, asked(0))).toEqual([0, MAX_AMOUNT])
      const settled = { ...ref(reserve('up_1', asked(0))), op: 'S' as const }
      await ledger.finish({ ...settled, ...landed(MAX_AMOUNT - 1) })
      expect(await countersOf(ledger, asked(0))).toEqual([MAX_AMOUNT - 1, 1])
    })

    it('judges by the limit now in force, lowered or raised', async () => {
      const { ledger } = await open()
      const asked = (amount: number, limit: number) => [
        { subject: USER, quotas: [stored(amount, limit)] },
      ]
      await ledger.admit(reserve('up_1', asked(80, 100)))
      expect(await ledger.admit(reserve('up_2', asked(1, 80)))).toMatchObject({ denied: [1] })
      expect(await ledger.admit(reserve('up_3', asked(0, 50)))).toMatchObject({ code: 'OK' })
      expect(await ledger.admit(reserve('up_4', asked(40, 120)))).toMatchObject({ code: 'OK' })
    })

    it('STALE: is not executed after its deadline, and leaves nothing', async () => {
      const { ledger, nowMs } = await open()
      const asked = [{ subject: USER, quotas: [stored(10, 100)] }]
      const late = reserve('up_1', asked, { deadlineMs: (await nowMs()) - 1 })
      expect(await ledger.admit(late)).toEqual({ code: 'STALE', nowMs: expect.any(Number) })
      expect(await ledger.find(late)).toBeUndefined()
      expect(await countersOf(ledger, asked)).toEqual([0, 0])
      const inTime = reserve('up_1', asked, { deadlineMs: (await nowMs()) + 60_000 })
      expect(await ledger.admit(inTime)).toMatchObject({ code: 'OK' })
    })

    it('PERIOD: refuses a window that has not begun or has ended by the ledger’s clock', async () => {
      const { ledger, nowMs } = await open()
      const now = await nowMs()
      const asked = [{ subject: USER, quotas: [bytes(10, 100, 30)] }]
      const early = { startMs: now + 60_000, endMs: now + 120_000 }
      const over = { startMs: now - 60_000, endMs: now - 1 }
      const running = { startMs: now - 60_000, endMs: now + 60_000 }
      for (const times of [early, over]) {
        expect(await ledger.admit(reserve('up_1', asked, times))).toMatchObject({ code: 'PERIOD' })
      }
      expect(await countersOf(ledger, asked)).toEqual([0, 0])
      expect(await ledger.admit(reserve('up_1', asked, running))).toMatchObject({ code: 'OK' })
    })

    it('PERIOD: refuses a window older than one that has begun, and changes nothing', async () => {
      const { ledger } = await open()
      const asked = (window: number) => [{ subject: USER, quotas: [bytes(10, 100, window)] }]
      await ledger.admit(reserve('up_1', asked(60)))
      const other = { subject: TENANT, quotas: [stored(1, 9)] }
      const refused = await ledger.admit(reserve('up_2', [other, ...asked(59)]))
      expect(refused).toMatchObject({ code: 'PERIOD' })
      expect(await countersOf(ledger, [other, ...asked(60)])).toEqual([0, 0, 0, 10])
    })

    it('starts every window empty', async () => {
      const { ledger } = await open()
      const asked = (window: number) => [{ subject: USER, quotas: [bytes(100, 100, window)] }]
      expect(await ledger.admit(reserve('up_1', asked(60)))).toMatchObject({ code: 'OK' })
      expect(await ledger.admit(reserve('up_2', asked(60)))).toMatchObject({ code: 'DENIED' })
      expect(await ledger.admit(reserve('up_3', asked(61)))).toMatchObject({ code: 'OK' })
    })

    it('grants a rate’s burst, refuses more, and grants again when the time has passed', async () => {
      const { ledger, advance } = await open()
      const asked = [{ subject: USER, rates: [rate(1)] }]
      const codes: string[] = []
      for (const rid of ['up_1', 'up_2', 'up_3']) {
        codes.push((await ledger.admit(reserve(rid, asked))).code)
      }
      await advance(1_000)
      codes.push((await ledger.admit(reserve('up_4', asked))).code)
      expect(codes).toEqual(['OK', 'OK', 'DENIED', 'OK'])
    })

    it('hands a slot on as soon as its upload has ended, however it ended', async () => {
      const { ledger, advance } = await open()
      const asked = [{ subject: USER, quotas: [{ id: 1, kind: KIND.slot, amount: 1, limit: 1 }] }]
      const endings = [
        { op: 'S' as const, ...landed(5) },
        { op: 'V' as const },
        { op: 'X' as const },
      ]
      for (const [index, ending] of endings.entries()) {
        const command = reserve(`up_${index}`, asked, { ttlMs: 1 })
        expect(await ledger.admit(command)).toMatchObject({ code: 'OK' })
        expect(await ledger.admit(reserve('up_x', asked))).toMatchObject({ denied: [1] })
        await advance(2)
        expect(await ledger.finish({ ...ref(command), ...ending })).toMatchObject({ code: 'OK' })
      }
      expect(await countersOf(ledger, asked)).toEqual([0, 0])
    })

    it('locks an object for one overwrite and leaves its neighbours alone', async () => {
      const { ledger } = await open()
      const lock = [{ id: 1, kind: KIND.slot, amount: 1, limit: 1 }]
      const first = reserve('up_1', [{ subject: USER }, { subject: OBJECT, quotas: lock }])
      const other = [{ subject: USER }, { subject: 'oBBBBBBBBBBBBBBBB', quotas: lock }]
      expect(await ledger.admit(first)).toMatchObject({ code: 'OK' })
      expect(await ledger.admit({ ...first, rid: 'up_2' })).toMatchObject({ denied: [1] })
      expect(await ledger.admit(reserve('up_3', other))).toMatchObject({ code: 'OK' })
      await ledger.finish({ ...ref(first), op: 'V' })
      expect(await ledger.admit({ ...first, rid: 'up_2' })).toMatchObject({ code: 'OK' })
    })
  })
}
