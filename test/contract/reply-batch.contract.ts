import { describe, expect, it } from 'vitest'
import {
  KIND,
  type Ledger,
  MAX_AMOUNT,
  MAX_BATCH,
  MAX_BATCH_NOTE_BYTES,
  MAX_NOTE_BYTES,
  type ReserveCommand,
} from '../../src/ledger/port.ts'
import { noteOf, reserveBatch, ridsOf } from './batch-commands.ts'
import {
  type Asked,
  bytes,
  carried,
  countersOf,
  everyKind,
  landed,
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
/** Ten bytes each of 100: ten fit. */
const TEN = 10
const asked = (amount = TEN): Asked[] => [
  { subject: USER, quotas: [stored(amount, 100)] },
  {
    subject: TENANT,
    rates: [{ id: 1, incUs: SECOND_US, tauUs: 20 * SECOND_US }],
    quotas: [bytes(amount, 1_000, 30), { id: 9, kind: KIND.count, amount: 1, limit: 50 }],
  },
]
const ofTen = () => asked()
const refOf = ({ each = [], ...command }: ReserveCommand, place: number) => ({
  ...ref(command),
  rid: each[place]?.rid ?? '',
})
const stateOf = async (ledger: Ledger, rid: string) =>
  (await ledger.find({ partition: 0, rid }))?.state

/** That the ledger is as if nobody had ever asked, and that nothing of the batch is anywhere. */
async function expectUntouched(ledger: Ledger, { each = [] }: ReserveCommand): Promise<void> {
  expect(await countersOf(ledger, asked())).toEqual([0, 0, 0, 0, 0, 0])
  expect(await roomsOf(ledger, asked())).toEqual([20 * SECOND_US])
  for (const { rid } of each) expect(await stateOf(ledger, rid)).toBeUndefined()
  await expectInOrder(ledger, 0)
}

async function expectInOrder(ledger: Ledger, pending: number): Promise<void> {
  const audit = await ledger.audit({ partition: 0, repair: false })
  const wrong = { drifts: [], index: [], negative: [], unreadable: [] }
  expect(audit).toMatchObject({ ...wrong, counts: { pending } })
}

/** Reserve, of many at once. */
export function batchContract(open: () => Promise<OpenedLedger>): void {
  describe('a batch', () => {
    it('OK: records each with its own id, hold and note, and charges the sum', async () => {
      const { ledger } = await open()
      const command = reserveBatch(ridsOf(3), (place) => asked(place + 1))
      const reply = await ledger.admit(command)
      if (reply.code !== 'OK') throw new Error(reply.code)
      expect(reply.levels).toEqual([0, 0, 20 * SECOND_US, 0, 0, 0, 0])
      expect(reply.expMs).toBe(reply.nowMs + TTL_MS)
      const { fingerprint, subjects, each = [] } = command
      for (const [place, { rid, hold }] of each.entries()) {
        expect(await ledger.find({ partition: 0, rid })).toEqual({
          partition: 0,
          rid,
          state: 'P',
          fingerprint,
          expMs: reply.expMs,
          hold,
          subjects,
          note: noteOf(place),
          actual: -1,
          over: 0,
        })
      }
      expect(await countersOf(ledger, asked())).toEqual([0, 6, 0, 6, 0, 3])
      expect((await roomsOf(ledger, asked()))[0]).toBeLessThan(18 * SECOND_US)
      await expectInOrder(ledger, 3)
    })

    it('lets ten in where ten fit; with an eleventh none, and nothing tells of it', async () => {
      const { ledger } = await open()
      const eleven = reserveBatch(ridsOf(11), ofTen)
      expect(await ledger.admit(eleven)).toMatchObject({ code: 'DENIED', denied: [1] })
      await expectUntouched(ledger, eleven)
      expect(await ledger.admit(reserveBatch(ridsOf(10), ofTen))).toMatchObject({ code: 'OK' })
      const more = await ledger.admit(reserve('up_more', asked(1)))
      expect(more).toMatchObject({ code: 'DENIED', denied: [1] })
      await expectInOrder(ledger, 10)
    })

    it('a rate lets in as many as its burst, and with one more none', async () => {
      const { ledger } = await open()
      const one = reserveBatch(ridsOf(21), () => asked(0))
      expect(await ledger.admit(one)).toMatchObject({ code: 'DENIED', denied: [2] })
      await expectUntouched(ledger, one)
      const fits = reserveBatch(ridsOf(20), () => asked(0))
      expect(await ledger.admit(fits)).toMatchObject({ code: 'OK' })
    })

    it.each([1, MAX_BATCH])(
      'takes %d at once, all of them due when the first is',
      async (count) => {
        const { ledger, advance } = await open()
        const one = [{ subject: USER, quotas: [stored(1, count)] }]
        const command = reserveBatch(ridsOf(count), () => one, { lookMs: 1 })
        expect(await ledger.admit(command)).toMatchObject({ code: 'OK' })
        expect(await countersOf(ledger, one)).toEqual([0, count])
        await expectInOrder(ledger, count)
        await advance(2)
        const claimed = new Set<string>()
        for (let page = 0; page < 4; page += 1) {
          const due = await ledger.claim({ partition: 0, limit: 256, leaseMs: TTL_MS })
          for (const { rid } of due.reservations) claimed.add(rid)
        }
        expect(claimed).toEqual(new Set(ridsOf(count)))
      },
    )

    it('RangeError: takes none at all, nor one more than 1,000', async () => {
      const { ledger } = await open()
      const command = reserveBatch(ridsOf(MAX_BATCH + 1), () => asked(0))
      await expect(ledger.admit(command)).rejects.toThrow(RangeError)
      await expect(ledger.admit({ ...command, each: [] })).rejects.toThrow(RangeError)
      await expectUntouched(ledger, { ...command, each: command.each?.slice(0, 3) ?? [] })
    })

    it('each ends by itself, in any way, and when all have nothing is held', async () => {
      const { ledger, advance } = await open()
      const every = (amount: number) => [{ subject: USER, quotas: everyKind(amount) }]
      const command = reserveBatch(ridsOf(4), (place) => every(place + 1), { ttlMs: 1 })
      await ledger.admit(command)
      await advance(2)
      expect((await countersOf(ledger, every(0)))[1]).toBe(10)
      const settle = { ...refOf(command, 2), op: 'S' as const, ...landed(3) }
      expect(await ledger.finish(settle)).toMatchObject({ code: 'OK', over: 0 })
      expect((await countersOf(ledger, every(0)))[1]).toBe(7)
      await ledger.finish({ ...refOf(command, 0), op: 'V' })
      await ledger.finish({ ...refOf(command, 3), op: 'X' })
      expect((await countersOf(ledger, every(0)))[1]).toBe(2)
      expect(await stateOf(ledger, 'up_1')).toBe('P')
      await expectInOrder(ledger, 1)
      expect(await ledger.finish({ ...refOf(command, 1), op: 'V' })).toMatchObject({ code: 'OK' })
      expect(await ledger.finish(settle)).toMatchObject({ code: 'DUP' })
      const [bytesPosted, ...rest] = await countersOf(ledger, every(0))
      expect(bytesPosted).toBe(3)
      expect(rest.filter((_, at) => at % 2 === 0)).toEqual([0, 0, 0, 0, 0, 0])
      await expectInOrder(ledger, 0)
      const late = { ...carried(every(1), 'up_0'), op: 'L' as const, ...landed(1) }
      expect(await ledger.finish(late)).toMatchObject({ code: 'OK' })
      expect((await countersOf(ledger, every(0)))[0]).toBe(4)
    })

    it('amends one of them and leaves the others', async () => {
      const { ledger } = await open()
      const command = reserveBatch(ridsOf(3), ofTen)
      await ledger.admit(command)
      const amend = { ...refOf(command, 1), op: 'M' as const, note: '{"amended":1}' }
      expect(await ledger.finish(amend)).toMatchObject({ code: 'OK' })
      const found = await Promise.all(ridsOf(3).map((rid) => ledger.find({ partition: 0, rid })))
      expect(found.map((one) => one?.note)).toEqual([noteOf(0), '{"amended":1}', noteOf(2)])
    })

    it('EXISTS: the same again counts once and answers as the first stands, even late', async () => {
      const { ledger, nowMs } = await open()
      const command = reserveBatch(ridsOf(3), ofTen)
      const first = await ledger.admit(command)
      const expMs = first.code === 'OK' ? first.expMs : undefined
      const pending = { code: 'EXISTS', state: 'P', expMs, actual: -1, note: noteOf(0) }
      expect(await ledger.admit(command)).toMatchObject(pending)
      expect(await countersOf(ledger, asked())).toEqual([0, 30, 0, 30, 0, 3])
      await ledger.finish({ ...refOf(command, 1), op: 'V' })
      expect(await ledger.admit(command)).toMatchObject(pending)
      await ledger.finish({ ...refOf(command, 0), op: 'S', ...landed(TEN) })
      const late = { ...command, deadlineMs: (await nowMs()) - 1_000 }
      expect(await ledger.admit(late)).toMatchObject({ code: 'EXISTS', state: 'S', actual: TEN })
      expect(await stateOf(ledger, 'up_1')).toBe('V')
      expect(await stateOf(ledger, 'up_2')).toBe('P')
      await expectInOrder(ledger, 1)
    })

    it('CONFLICT: the same ids for another request change nothing', async () => {
      const { ledger } = await open()
      const command = reserveBatch(ridsOf(2), ofTen)
      await ledger.admit(command)
      const other = reserveBatch(['up_0', 'up_9'], ofTen, { fingerprint: 'other' })
      const conflict = { code: 'CONFLICT', nowMs: expect.any(Number), state: 'P' }
      expect(await ledger.admit(other)).toEqual(conflict)
      expect(await stateOf(ledger, 'up_9')).toBeUndefined()
      expect(await countersOf(ledger, asked())).toEqual([0, 20, 0, 20, 0, 2])
    })

    it.each([1, 2])(
      'CONFLICT: number %d is known and the first is not: nothing is written',
      async (place) => {
        const { ledger, nowMs } = await open()
        const known = reserve(`up_${place}`, asked())
        await ledger.admit(known)
        await ledger.finish({ ...ref(known), op: 'S', ...landed(TEN) })
        const before = [await countersOf(ledger, asked()), await ledger.find(known)]
        const command = reserveBatch(ridsOf(3), ofTen)
        const conflict = { code: 'CONFLICT', nowMs: expect.any(Number), state: 'S' }
        expect(await ledger.admit(command)).toEqual(conflict)
        const late = { ...command, deadlineMs: (await nowMs()) - 1_000 }
        expect(await ledger.admit(late)).toEqual(conflict)
        expect([await countersOf(ledger, asked()), await ledger.find(known)]).toEqual(before)
        expect(await stateOf(ledger, 'up_0')).toBeUndefined()
        expect(await stateOf(ledger, `up_${3 - place}`)).toBeUndefined()
        await expectInOrder(ledger, 0)
      },
    )

    it('STALE and PERIOD: nothing is executed, and nothing tells of it', async () => {
      const { ledger, nowMs } = await open()
      const now = await nowMs()
      const stale = reserveBatch(ridsOf(3), ofTen, { deadlineMs: now - 1 })
      expect(await ledger.admit(stale)).toEqual({ code: 'STALE', nowMs: expect.any(Number) })
      const early = reserveBatch(ridsOf(3), ofTen, { startMs: now + 60_000 })
      expect(await ledger.admit(early)).toEqual({ code: 'PERIOD', nowMs: expect.any(Number) })
      await expectUntouched(ledger, early)
    })

    it('of two batches that share an id, asked at once, one is let in', async () => {
      const { ledger } = await open()
      const both = [reserveBatch(['up_a', 'up_s'], ofTen), reserveBatch(['up_b', 'up_s'], ofTen)]
      const replies = await Promise.all(both.map((command) => ledger.admit(command)))
      expect(replies.map(({ code }) => code).sort()).toEqual(['CONFLICT', 'OK'])
      expect(await countersOf(ledger, asked())).toEqual([0, 20, 0, 20, 0, 2])
      await expectInOrder(ledger, 2)
    })

    const good = reserveBatch(ridsOf(3), ofTen)
    const [first, second, third] = good.each ?? []
    if (!first || !second || !third) throw new Error('a batch of three')
    const changed = (place: number, value: number) => ({
      ...second,
      hold: second.hold.with(place, value),
    })
    it.each<[string, Partial<ReserveCommand>]>([
      ['begins with another id', { each: [second, first, third] }],
      ['has an id twice', { each: [first, second, { ...third, rid: second.rid }] }],
      ['holds more than is charged', { each: [first, changed(3, TEN + 1), third] }],
      ['holds less than is charged', { each: [first, changed(3, TEN - 1), third] }],
      [
        'holds less than nothing',
        { each: [first, changed(3, -1), { ...third, hold: third.hold.with(3, 21) }] },
      ],
      ['holds what is no number', { each: [first, changed(3, Number.NaN), third] }],
      ['holds too much', { each: [first, changed(3, MAX_AMOUNT + 1), third] }],
      ['names another limit', { each: [first, changed(1, 77), third] }],
      ['names another window', { each: [first, changed(2, 5), third] }],
      ['names another kind', { each: [first, changed(4, KIND.bytes), third] }],
      ['has other subjects', { each: [first, changed(0, 0), third] }],
      [
        'leaves a limit out',
        {
          each: [
            first,
            { ...second, hold: second.hold.slice(0, -4) },
            { ...third, hold: third.hold.with(-2, 2) },
          ],
        },
      ],
      [
        'has a note too long',
        { each: [first, { ...second, note: 'x'.repeat(MAX_NOTE_BYTES + 1) }, third] },
      ],
    ])('RangeError: a batch that %s', async (_, wrong) => {
      const { ledger } = await open()
      await expect(ledger.admit({ ...good, ...wrong })).rejects.toThrow(RangeError)
      await expectUntouched(ledger, good)
    })

    it('InvalidRequest: notes that come to more than 1 MiB together; to the byte they pass', async () => {
      const { ledger } = await open()
      const count = MAX_BATCH_NOTE_BYTES / MAX_NOTE_BYTES
      const one = [{ subject: USER, quotas: [stored(1, 10_000)] }]
      const command = reserveBatch(ridsOf(count + 1), () => one)
      // Two bytes a letter in UTF-8: letters are not what is counted.
      const long = 'é'.repeat(MAX_NOTE_BYTES / 2)
      const withNotes = (last: string) => ({
        ...command,
        each:
          command.each?.map((item, place) => ({ ...item, note: place < count ? long : last })) ??
          [],
      })
      await expect(ledger.admit(withNotes('x'))).rejects.toMatchObject({ code: 'InvalidRequest' })
      expect(await countersOf(ledger, one)).toEqual([0, 0])
      expect(await ledger.admit(withNotes(''))).toMatchObject({ code: 'OK' })
      expect((await ledger.find({ partition: 0, rid: `up_${count - 1}` }))?.note).toBe(long)
    })
  })
}
