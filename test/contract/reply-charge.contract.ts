import { describe, expect, it } from 'vitest'
import { KIND } from '../../src/ledger/port.ts'
import {
  type Asked,
  bytes,
  charge,
  countersOf,
  look,
  type OpenedLedger,
  reserve,
  roomsOf,
  USER,
} from './reservation-commands.ts'

const SECOND_US = 1_000_000
const rate = (id: number, incUs = SECOND_US) => ({ id, incUs, tauUs: 2 * SECOND_US })

/** Look and charge. */
export function chargeContract(open: () => Promise<OpenedLedger>): void {
  describe('look and charge', () => {
    const request = (amount: number) => ({
      id: 3,
      kind: KIND.request,
      amount,
      limit: 10,
      window: 5,
    })
    const asked = (amount: number): Asked[] => [
      { subject: USER, rates: [rate(1)], quotas: [request(amount)] },
    ]

    it('a look answers OK, DENIED, STALE and PERIOD as a reserve would, and writes nothing', async () => {
      const { ledger, nowMs } = await open()
      const now = await nowMs()
      const replies = [
        await ledger.admit(look(asked(10))),
        await ledger.admit(look(asked(11))),
        await ledger.admit(look(asked(1), { deadlineMs: now - 1 })),
        await ledger.admit(look(asked(1), { startMs: now + 60_000 })),
      ]
      expect(replies.map(({ code }) => code)).toEqual(['OK', 'DENIED', 'STALE', 'PERIOD'])
      expect(replies[1]).toMatchObject({ denied: [2], levels: [2 * SECOND_US, 0, 0] })
      expect(await countersOf(ledger, asked(0))).toEqual([0, 0])
      expect(await roomsOf(ledger, asked(0))).toEqual([2 * SECOND_US])
    })

    it('a look at the next window does not begin it', async () => {
      const { ledger } = await open()
      const line = (window: number) => [{ subject: USER, quotas: [bytes(10, 100, window)] }]
      await ledger.admit(reserve('up_1', line(60)))
      await ledger.admit(look(line(61)))
      expect(await ledger.admit(reserve('up_2', line(60)))).toMatchObject({ code: 'OK' })
    })

    it('a charge is spent at once, again each time, and leaves no reservation', async () => {
      const { ledger } = await open()
      expect(await ledger.admit(charge(asked(4)))).toMatchObject({ code: 'OK' })
      expect(await ledger.admit(charge(asked(4)))).toMatchObject({ code: 'OK' })
      expect(await countersOf(ledger, asked(0))).toEqual([8, 0])
      const states = ['P', 'S', 'V', 'X', 'D'] as const
      const listed = { partition: 0, owner: USER, states, ridPrefix: '', limit: 10 }
      expect(await ledger.list(listed)).toEqual([])
    })

    it('a refused, late or mistimed charge takes nothing', async () => {
      const { ledger, nowMs } = await open()
      const now = await nowMs()
      const replies = [
        await ledger.admit(charge(asked(11))),
        await ledger.admit(charge(asked(1), { deadlineMs: now - 1 })),
        await ledger.admit(charge(asked(1), { endMs: now - 1 })),
      ]
      expect(replies.map(({ code }) => code)).toEqual(['DENIED', 'STALE', 'PERIOD'])
      expect(await countersOf(ledger, asked(0))).toEqual([0, 0])
      expect(await roomsOf(ledger, asked(0))).toEqual([2 * SECOND_US])
    })
  })
}
