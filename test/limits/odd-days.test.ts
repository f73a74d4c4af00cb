import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { windowAt } from '../../src/limits/windows.ts'

const HOUR_MS = 3_600_000
const SEED = crypto.getRandomValues(new Int32Array(1))[0] ?? 0
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/Santiago',
  'Africa/Cairo',
  'Asia/Beirut',
  'America/Havana',
  'America/St_Johns',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Pacific/Kiritimati',
  'Pacific/Chatham',
  'Africa/Casablanca',
  'America/Sao_Paulo',
  'Europe/Dublin',
]
const hours = (timeZone: string, instant: string) => {
  const { startMs, endMs } = windowAt('day', timeZone, Date.parse(instant))
  return { start: iso(startMs), hours: (endMs - startMs) / HOUR_MS }
}
const iso = (ms: number) => new Date(ms).toISOString().slice(0, 16)

describe('odd days and months', () => {
  it.each([
    { zone: 'Europe/Berlin', at: '2026-03-29T12:00Z', start: '2026-03-28T23:00', hours: 23 },
    { zone: 'Europe/Berlin', at: '2026-10-25T12:00Z', start: '2026-10-24T22:00', hours: 25 },
    { zone: 'Europe/Berlin', at: '2026-10-26T12:00Z', start: '2026-10-25T23:00', hours: 24 },
    // Midnight is skipped: the day begins at 01:00.
    { zone: 'Africa/Cairo', at: '2024-04-26T12:00Z', start: '2024-04-25T22:00', hours: 23 },
    { zone: 'Asia/Beirut', at: '2024-03-31T12:00Z', start: '2024-03-30T22:00', hours: 23 },
    { zone: 'America/Santiago', at: '2024-09-08T12:00Z', start: '2024-09-08T04:00', hours: 23 },
    { zone: 'America/Havana', at: '2024-03-10T12:00Z', start: '2024-03-10T05:00', hours: 23 },
    // Set back at midnight to 23:00: the old day has the hour twice.
    { zone: 'Africa/Cairo', at: '2024-10-31T12:00Z', start: '2024-10-30T21:00', hours: 25 },
    { zone: 'Asia/Beirut', at: '2024-10-26T12:00Z', start: '2024-10-25T21:00', hours: 25 },
    { zone: 'America/Santiago', at: '2024-04-06T12:00Z', start: '2024-04-06T03:00', hours: 25 },
    // Set back at 01:00 to midnight: the new day has the hour twice.
    { zone: 'America/Havana', at: '2024-11-03T12:00Z', start: '2024-11-03T04:00', hours: 25 },
    // Set back at 00:01 to 23:01: the new day begins once, at the first midnight.
    { zone: 'America/St_Johns', at: '2010-11-07T12:00Z', start: '2010-11-07T02:30', hours: 25 },
    {
      zone: 'Australia/Lord_Howe',
      at: '2024-10-05T15:00Z',
      start: '2024-10-05T13:30',
      hours: 23.5,
    },
    {
      zone: 'Australia/Lord_Howe',
      at: '2024-04-06T15:00Z',
      start: '2024-04-06T13:00',
      hours: 24.5,
    },
    { zone: 'Asia/Kolkata', at: '2026-01-15T12:00Z', start: '2026-01-14T18:30', hours: 24 },
    { zone: 'Asia/Kathmandu', at: '2026-01-15T12:00Z', start: '2026-01-14T18:15', hours: 24 },
    // Samoa had no 30 December 2011.
    { zone: 'Pacific/Apia', at: '2011-12-30T09:59Z', start: '2011-12-29T10:00', hours: 24 },
    { zone: 'Pacific/Apia', at: '2011-12-30T10:00Z', start: '2011-12-30T10:00', hours: 24 },
  ])('a day of $zone around $at has $hours hours', ({ zone, at, ...expected }) => {
    expect(hours(zone, at)).toEqual(expected)
  })

  it('keeps the repeated hour before midnight in the old day', () => {
    // Cairo, 2024-10-31: 23:30 at +3, then 23:30 once more at +2.
    const first = windowAt('day', 'Africa/Cairo', Date.parse('2024-10-31T20:30Z'))
    const second = windowAt('day', 'Africa/Cairo', Date.parse('2024-10-31T21:30Z'))
    expect(second).toEqual(first)
    expect(iso(first.endMs)).toBe('2024-10-31T22:00')
  })

  it('does not begin a day twice where the clock goes back across its midnight', () => {
    // St John's, 2010-11-07: midnight at -2:30, and at 00:01 back to 23:01 at -3:30. The window found
    // last is remembered, so that another day is asked for before each of the two.
    const found = ['2010-11-07T02:30Z', '2010-11-07T03:00Z'].map((instant) => {
      windowAt('day', 'America/St_Johns', Date.parse('2010-12-07T12:00Z'))
      const { startMs, endMs } = windowAt('day', 'America/St_Johns', Date.parse(instant))
      return [iso(startMs), iso(endMs)]
    })
    const day = ['2010-11-07T02:30', '2010-11-08T03:30']
    expect(found).toEqual([day, day])
  })

  it.each([
    { at: '2026-01-31T23:00Z', start: '2026-01-31T23:00', end: '2026-02-28T23:00' },
    { at: '2026-01-31T22:59Z', start: '2025-12-31T23:00', end: '2026-01-31T23:00' },
    { at: '2028-02-29T12:00Z', start: '2028-01-31T23:00', end: '2028-02-29T23:00' },
    { at: '2026-03-29T12:00Z', start: '2026-02-28T23:00', end: '2026-03-31T22:00' },
    { at: '2026-12-31T23:00Z', start: '2026-12-31T23:00', end: '2027-01-31T23:00' },
  ])('a month of Berlin around $at lasts from $start to $end', ({ at, start, end }) => {
    const { startMs, endMs } = windowAt('month', 'Europe/Berlin', Date.parse(at))
    expect([iso(startMs), iso(endMs)]).toEqual([start, end])
  })

  it.each([
    { at: '2026-03-29T12:00Z', start: '2026-03-22T23:00', end: '2026-03-29T22:00' },
    { at: '2026-03-29T22:00Z', start: '2026-03-29T22:00', end: '2026-04-05T22:00' },
    { at: '2027-01-01T12:00Z', start: '2026-12-27T23:00', end: '2027-01-03T23:00' },
  ])('a week of Berlin around $at lasts from Monday $start to $end', ({ at, start, end }) => {
    const { startMs, endMs } = windowAt('week', 'Europe/Berlin', Date.parse(at))
    expect([iso(startMs), iso(endMs)]).toEqual([start, end])
  })

  it('has the leap day, and none in another year', () => {
    expect(hours('Europe/Berlin', '2028-02-29T00:00Z').start).toBe('2028-02-28T23:00')
    expect(hours('Europe/Berlin', '2100-02-28T23:00Z').start).toBe('2100-02-28T23:00')
    const { endMs } = windowAt('month', 'UTC', Date.parse('2100-02-15T00:00Z'))
    expect(iso(endMs)).toBe('2100-03-01T00:00')
  })

  it(`follows window on window without a gap, on one local date (seed ${SEED})`, () => {
    const zones = fc.constantFrom(...ZONES)
    const windows = fc.constantFrom('day' as const, 'week' as const, 'month' as const)
    const instants = fc.integer({ min: Date.UTC(1990, 0), max: Date.UTC(2100, 0) })
    const property = fc.property(zones, windows, instants, (zone, window, nowMs) => {
      const { id, startMs, endMs } = windowAt(window, zone, nowMs)
      expect(startMs <= nowMs && nowMs < endMs).toBe(true)
      expect(id).toBe(startMs / 60_000)
      expect(Number.isInteger(id)).toBe(true)
      expect(windowAt(window, zone, endMs).startMs).toBe(endMs)
      expect(windowAt(window, zone, startMs - 1).endMs).toBe(startMs)
      for (const atMs of [startMs, endMs - 1]) expect(windowAt(window, zone, atMs).id).toBe(id)
      const date = new Intl.DateTimeFormat('en', {
        timeZone: zone,
        year: 'numeric',
        month: 'numeric',
        ...(window !== 'month' && { day: 'numeric' }),
      })
      expect(date.format(endMs)).not.toBe(date.format(startMs))
      expect(date.format(startMs - 1)).not.toBe(date.format(startMs))
    })
    fc.assert(property, { seed: SEED, numRuns: 2_000 })
  })
})
