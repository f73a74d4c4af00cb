import { describe, expect, it } from 'vitest'
import { type BatchItem, MAX_BATCH_SUBJECTS, type ReserveCommand } from '../../src/ledger/port.ts'
import {
  type Asked,
  countersOf,
  holdOf,
  landed,
  type OpenedLedger,
  reserve,
  stored,
  TENANT,
  USER,
} from './reservation-commands.ts'

/** The subject of a store, by its number. */
export const storeAt = (place: number) => `sAAAAAAAAAAAAAA${String(place).padStart(2, '0')}`
const of = (subject: string, amount: number): Asked => ({
  subject,
  quotas: [stored(amount, 1_000)],
})

/** A batch with an item of ten bytes for each of so many stores, and one more for the first. */
export function spread(stores: number): ReserveCommand {
  const places = [...Array(stores).keys(), 0]
  const sums = places.slice(0, -1).map((place) => of(storeAt(place), place === 0 ? 20 : 10))
  const all = 10 * places.length
  const each = places.map((place, at): BatchItem => {
    const own = [of(USER, 10), of(TENANT, 10), of(storeAt(place), 10)]
    const subjects = own.map(({ subject }) => subject)
    return { rid: `up_${at}`, subjects, hold: holdOf(own), note: '{}' }
  })
  return { ...reserve('up_0', [of(USER, all), of(TENANT, all), ...sums]), each }
}

/** Reserve, of items that count in different places. */
export function batchPlacesContract(open: () => Promise<OpenedLedger>): void {
  describe('a batch whose items have subjects of their own', () => {
    it('OK: each holds what is its own, and its end changes nothing of the others', async () => {
      const { ledger } = await open()
      const command = spread(2)
      expect(await ledger.admit(command)).toMatchObject({ code: 'OK' })
      const counters = () => countersOf(ledger, [of(USER, 0), of(storeAt(0), 0), of(storeAt(1), 0)])
      expect(await counters()).toEqual([0, 30, 0, 20, 0, 10])
      const second = await ledger.find({ partition: 0, rid: 'up_1' })
      expect(second).toMatchObject({ subjects: [USER, TENANT, storeAt(1)] })
      const { rid, fingerprint, subjects = [] } = { ...command, ...second }
      const ending = { partition: 0, rid, fingerprint, subjects }
      expect(await ledger.finish({ op: 'S', ...ending, ...landed(7) })).toMatchObject({
        code: 'OK',
      })
      expect(await counters()).toEqual([7, 20, 0, 20, 7, 0])
      const third = { ...ending, rid: 'up_2', subjects: command.each?.[2]?.subjects ?? [] }
      expect(await ledger.finish({ op: 'V', ...third })).toMatchObject({ code: 'OK' })
      expect(await counters()).toEqual([7, 10, 0, 10, 7, 0])
      const audit = await ledger.audit({ partition: 0, repair: false })
      expect(audit).toMatchObject({ drifts: [], index: [], counts: { pending: 1 } })
    })

    it('DENIED: one place that is full refuses all, and is named', async () => {
      const { ledger } = await open()
      expect(await ledger.admit(reserve('up_other', [of(storeAt(1), 991)]))).toMatchObject({
        code: 'OK',
      })
      expect(await ledger.admit(spread(2))).toMatchObject({ code: 'DENIED', denied: [4] })
      expect(await countersOf(ledger, [of(USER, 0), of(storeAt(0), 0)])).toEqual([0, 0, 0, 0])
    })

    it(`takes ${MAX_BATCH_SUBJECTS} subjects and not one more`, async () => {
      const { ledger } = await open()
      const most = spread(MAX_BATCH_SUBJECTS - 2)
      await expect(ledger.admit(spread(MAX_BATCH_SUBJECTS - 1))).rejects.toThrow(RangeError)
      expect(await ledger.admit(most)).toMatchObject({ code: 'OK' })
    })

    it('takes no item whose part is not what it says', async () => {
      const { ledger } = await open()
      const good = spread(2)
      const [first, ...others] = good.each as [BatchItem, ...BatchItem[]]
      const { subjects = [], hold } = first
      const wrong: readonly BatchItem[] = [
        { ...first, subjects: [...subjects, storeAt(1)] },
        { ...first, subjects: subjects.slice(0, 2) },
        { ...first, subjects: subjects.toReversed() },
        { ...first, subjects: [TENANT, USER, storeAt(0)] },
        { ...first, subjects: [USER, TENANT, storeAt(7)] },
        { ...first, hold: hold.with(-2, 11) },
        { ...first, hold: hold.with(-4, 8) },
        { ...first, hold: hold.slice(0, -1) },
      ]
      for (const each of wrong) {
        const refused = ledger.admit({ ...good, each: [each, ...others] })
        await expect(refused).rejects.toThrow(RangeError)
      }
      expect(await countersOf(ledger, [of(USER, 0), of(storeAt(0), 0)])).toEqual([0, 0, 0, 0])
    })
  })
}
