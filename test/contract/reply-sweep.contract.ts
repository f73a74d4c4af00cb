import { describe, expect, it } from 'vitest'
import {
  carried,
  landed,
  type OpenedLedger,
  ref,
  reserve,
  stored,
  TENANT,
  USER,
} from './reservation-commands.ts'

const asked = (subject = USER) => [{ subject, quotas: [stored(1, 1_000)] }]
const LEASE_MS = 5_000

/** Claim, find and list. */
export function sweepContract(open: () => Promise<OpenedLedger>): void {
  async function claimed({ ledger }: OpenedLedger, limit = 10): Promise<string[]> {
    const { reservations } = await ledger.claim({ partition: 0, limit, leaseMs: LEASE_MS })
    return reservations.map(({ rid }) => rid)
  }

  describe('claim', () => {
    it('hands out what is due, longest due first, and nothing that is not', async () => {
      const opened = await open()
      for (const [rid, lookMs] of Object.entries({ up_c: 900, up_a: 1_000, up_b: 60_000 })) {
        await opened.ledger.admit(reserve(rid, asked(), { lookMs }))
      }
      expect(await claimed(opened)).toEqual([])
      await opened.advance(1_000)
      expect(await claimed(opened)).toEqual(['up_c', 'up_a'])
    })

    it('hands a claimed one to nobody else until the lease is over', async () => {
      const opened = await open()
      await opened.ledger.admit(reserve('up_1', asked(), { lookMs: 0 }))
      expect(await claimed(opened)).toEqual(['up_1'])
      expect(await claimed(opened)).toEqual([])
      await opened.advance(LEASE_MS)
      expect(await claimed(opened)).toEqual(['up_1'])
    })

    it('hands out no more than asked for, and the rest next time', async () => {
      const opened = await open()
      for (const rid of ['up_1', 'up_2', 'up_3']) {
        await opened.ledger.admit(reserve(rid, asked(), { lookMs: 0 }))
      }
      expect(await claimed(opened, 2)).toEqual(['up_1', 'up_2'])
      expect(await claimed(opened, 2)).toEqual(['up_3'])
    })

    it('hands out the whole reservation as it stands', async () => {
      const { ledger } = await open()
      const command = reserve('up_1', asked(), { lookMs: 0 })
      await ledger.admit(command)
      const { reservations } = await ledger.claim({ partition: 0, limit: 1, leaseMs: LEASE_MS })
      expect(reservations).toEqual([await ledger.find(command)])
    })

    it('forgets what has ended, however it ended', async () => {
      const opened = await open()
      const endings = [
        { op: 'S' as const, ...landed(1) },
        { op: 'V' as const },
        { op: 'X' as const },
      ]
      for (const [index, ending] of endings.entries()) {
        const command = reserve(`up_${index}`, asked(), { lookMs: 0, ttlMs: 0 })
        await opened.ledger.admit(command)
        await opened.ledger.finish({ ...ref(command), ...ending })
      }
      await opened.advance(LEASE_MS)
      expect(await claimed(opened)).toEqual([])
    })

    it('goes by the next look of an amended one', async () => {
      const opened = await open()
      const command = reserve('up_1', asked(), { lookMs: 0 })
      await opened.ledger.admit(command)
      await opened.ledger.finish({ ...ref(command), op: 'M', lookMs: 2_000 })
      expect(await claimed(opened)).toEqual([])
      await opened.advance(2_000)
      expect(await claimed(opened)).toEqual(['up_1'])
    })

    it('keeps the look of one that is amended in its note alone', async () => {
      const opened = await open()
      const command = reserve('up_1', asked(), { lookMs: 0 })
      await opened.ledger.admit(command)
      await opened.ledger.finish({ ...ref(command), op: 'M', note: '{}' })
      expect(await claimed(opened)).toEqual(['up_1'])
    })
  })

  describe('find and list', () => {
    it('finds nothing for an id that was never reserved', async () => {
      const { ledger } = await open()
      expect(await ledger.find({ partition: 0, rid: 'up_1' })).toBeUndefined()
    })

    it('lists an owner’s reservations by state and prefix, in order, page by page', async () => {
      const { ledger } = await open()
      for (const rid of ['up_d', 'up_b', 'up_a', 'up_c', 'del_a', 'uq_a']) {
        await ledger.admit(reserve(rid, [...asked(), ...asked(TENANT)]))
      }
      await ledger.admit(reserve('up_z', asked(TENANT)))
      await ledger.finish({ ...ref(reserve('up_b', asked())), subjects: [USER, TENANT], op: 'V' })
      const request = { partition: 0, owner: USER, ridPrefix: 'up_', limit: 2 }
      const ridsOf = async (more: { after?: string; states: ('P' | 'V' | 'S')[] }) =>
        (await ledger.list({ ...request, ...more })).map(({ rid }) => rid)
      expect(await ridsOf({ states: ['P'] })).toEqual(['up_a', 'up_c'])
      expect(await ridsOf({ states: ['P'], after: 'up_c' })).toEqual(['up_d'])
      expect(await ridsOf({ states: ['P', 'V'], after: 'up_a' })).toEqual(['up_b', 'up_c'])
      expect(await ridsOf({ states: ['V', 'S'] })).toEqual(['up_b'])
      expect(await ridsOf({ states: [] })).toEqual([])
    })

    it('lists the same reservations that it finds', async () => {
      const { ledger } = await open()
      const command = reserve('up_1', asked())
      await ledger.admit(command)
      const listed = { partition: 0, owner: USER, states: ['P' as const], ridPrefix: '', limit: 9 }
      expect(await ledger.list(listed)).toEqual([await ledger.find(command)])
    })

    it('keeps the owner of a reservation when another command names it', async () => {
      const { ledger } = await open()
      await ledger.finish({ op: 'L', ...carried(asked(), 'up_1'), ...landed(1) })
      const listed = { partition: 0, states: ['S' as const], ridPrefix: '', limit: 9 }
      expect(await ledger.list({ ...listed, owner: USER })).toHaveLength(1)
      expect(await ledger.list({ ...listed, owner: TENANT })).toHaveLength(0)
    })
  })
}
