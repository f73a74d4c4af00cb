import { describe, expect, it } from 'vitest'
import type { QuotaWindow } from '../../src/limits/plan.ts'
import { windowAt } from '../../src/limits/windows.ts'

const HOUR_MS = 3_600_000
const at = (text: string) => Date.parse(text)

/** `[start, end]` as UTC text, which is what an operator would look up. */
function bounds(window: QuotaWindow, zone: string, text: string): string[] {
  const { startMs, endMs } = windowAt(window, zone, at(text))
  return [startMs, endMs].map((ms) => new Date(ms).toISOString().slice(0, 16))
}

describe('a calendar window', () => {
  it('has its start in minutes since 1970 as its id, and ends just before the next', () => {
    const window = windowAt('minute', 'UTC', at('2026-01-15T12:00:59.999Z'))
    expect(window).toEqual({
      id: at('2026-01-15T12:00Z') / 60_000,
      startMs: at('2026-01-15T12:00Z'),
      endMs: at('2026-01-15T12:01Z'),
    })
    const next = windowAt('minute', 'UTC', at('2026-01-15T12:01Z'))
    expect(next.id).toBe(window.id + 1)
  })

  it('is UTC for hours, whatever the zone', () => {
    const wanted = ['2026-01-15T12:00', '2026-01-15T13:00']
    expect(bounds('hour', 'Asia/Kolkata', '2026-01-15T12:59:59.999Z')).toEqual(wanted)
  })

  it.each([
    ['an ordinary day', 'Europe/Berlin', '2026-01-15T22:59:59.999Z', '2026-01-14T23:00', 24],
    ['the millisecond after it', 'Europe/Berlin', '2026-01-15T23:00Z', '2026-01-15T23:00', 24],
    ['the day that loses an hour', 'Europe/Berlin', '2026-03-29T12:00Z', '2026-03-28T23:00', 23],
    ['the day that gains one', 'Europe/Berlin', '2026-10-25T22:59Z', '2026-10-24T22:00', 25],
    ['a zone of half hours', 'Asia/Kolkata', '2026-01-15T12:00Z', '2026-01-14T18:30', 24],
    ['far east', 'Pacific/Kiritimati', '2026-01-15T10:00Z', '2026-01-15T10:00', 24],
    [
      'a midnight that does not exist',
      'America/Sao_Paulo',
      '2018-11-04T12:00Z',
      '2018-11-04T03:00',
      23,
    ],
    ['the day before it', 'America/Sao_Paulo', '2018-11-04T02:59Z', '2018-11-03T03:00', 24],
    ['a day that ends twice', 'America/Sao_Paulo', '2018-02-18T02:30Z', '2018-02-17T02:00', 25],
    ['a midnight that comes twice', 'America/Havana', '2026-11-01T05:30Z', '2026-11-01T04:00', 25],
    ['before a day that never was', 'Pacific/Apia', '2011-12-30T09:59Z', '2011-12-29T10:00', 24],
    ['after it', 'Pacific/Apia', '2011-12-30T10:00Z', '2011-12-30T10:00', 24],
  ])('%s', (_, zone, text, start, hours) => {
    const { startMs, endMs } = windowAt('day', zone, at(text))
    expect(new Date(startMs).toISOString().slice(0, 16)).toBe(start)
    expect((endMs - startMs) / HOUR_MS).toBe(hours)
  })

  it.each([
    [
      'a leap February',
      'UTC',
      '2028-02-29T23:59:59.999Z',
      ['2028-02-01T00:00', '2028-03-01T00:00'],
    ],
    ['the last of a year', 'UTC', '2026-12-31T12:00Z', ['2026-12-01T00:00', '2027-01-01T00:00']],
    [
      'local midnight',
      'Europe/Berlin',
      '2026-03-31T21:59Z',
      ['2026-02-28T23:00', '2026-03-31T22:00'],
    ],
    [
      'the next month',
      'Europe/Berlin',
      '2026-03-31T22:00Z',
      ['2026-03-31T22:00', '2026-04-30T22:00'],
    ],
  ])('of a month: %s', (_, zone, text, wanted) => {
    expect(bounds('month', zone, text)).toEqual(wanted)
  })

  it.each([
    'Europe/Berlin',
    'America/Sao_Paulo',
    'America/St_Johns',
    'America/Havana',
    'Africa/Casablanca',
    'Australia/Lord_Howe',
    'Pacific/Apia',
  ])('days and months of %s follow each other without gap or overlap, for nine years', (zone) => {
    for (const window of ['day', 'month'] as const) {
      let current = windowAt(window, zone, at('2010-01-01T12:00Z'))
      while (current.endMs < at('2019-01-01T12:00Z')) {
        const { id, endMs } = current
        // Each is asked for at its first millisecond and at its last one.
        const next = windowAt(window, zone, endMs)
        if (next.startMs !== endMs || next.id <= id) expect.fail(`${zone}: gap at ${endMs}`)
        if (windowAt(window, zone, endMs - 1).id !== id) expect.fail(`${zone}: end at ${endMs}`)
        current = next
      }
    }
  })

  it('throws for a zone that does not exist', () => {
    expect(() => windowAt('day', 'Europe/Atlantis', 0)).toThrow(RangeError)
  })
})
