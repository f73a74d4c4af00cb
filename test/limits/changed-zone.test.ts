import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import { type CalendarWindow, windowAt, type Zone } from '../../src/limits/windows.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

const SEED = crypto.getRandomValues(new Int32Array(1))[0] ?? 0
const DAY_MS = 86_400_000
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/St_Johns',
  'America/Havana',
  'Asia/Kathmandu',
  'Africa/Cairo',
  'Pacific/Kiritimati',
  'Pacific/Honolulu',
  'Pacific/Apia',
]
const at = (text: string) => Date.parse(text)
const iso = (ms: number) => new Date(ms).toISOString().slice(0, 16)
const bounds = ({ startMs, endMs }: CalendarWindow) => [iso(startMs), iso(endMs)]
const change = (before: Zone, zone: string, changedAtMs: number) => ({ zone, before, changedAtMs })

describe('the window that runs when a zone changes', () => {
  // New York's midnight is 05:00 UTC in winter, Berlin's 23:00.
  const west = change('Europe/Berlin', 'America/New_York', at('2026-01-15T12:00Z'))
  const east = change('America/New_York', 'Europe/Berlin', at('2026-01-15T12:00Z'))

  it('lasts some hours more to the west', () => {
    for (const instant of ['2026-01-15T12:00Z', '2026-01-16T04:59Z', '2026-01-14T23:00Z']) {
      expect(bounds(windowAt('day', west, at(instant)))).toEqual([
        '2026-01-14T23:00',
        '2026-01-16T05:00',
      ])
    }
    expect(bounds(windowAt('day', west, at('2026-01-16T05:00Z')))).toEqual([
      '2026-01-16T05:00',
      '2026-01-17T05:00',
    ])
    expect(bounds(windowAt('day', west, at('2026-01-14T22:59Z')))).toEqual([
      '2026-01-13T23:00',
      '2026-01-14T23:00',
    ])
  })

  it('does not end earlier to the east, but with the day after', () => {
    expect(bounds(windowAt('day', east, at('2026-01-15T23:30Z')))).toEqual([
      '2026-01-15T05:00',
      '2026-01-16T23:00',
    ])
    expect(bounds(windowAt('month', east, at('2026-01-15T23:30Z')))).toEqual([
      '2026-01-01T05:00',
      '2026-02-28T23:00',
    ])
    expect(bounds(windowAt('week', east, at('2026-01-15T23:30Z')))).toEqual([
      '2026-01-12T05:00',
      '2026-01-25T23:00',
    ])
  })

  it('is as it was where both zones have the same midnight', () => {
    const same = change('Europe/Berlin', 'Europe/Paris', at('2026-01-15T12:00Z'))
    expect(bounds(windowAt('day', same, at('2026-01-15T12:00Z')))).toEqual([
      '2026-01-14T23:00',
      '2026-01-15T23:00',
    ])
  })

  it('is not cut short by a second change', () => {
    const twice = change(west, 'Europe/Berlin', at('2026-01-15T13:00Z'))
    expect(bounds(windowAt('day', twice, at('2026-01-15T14:00Z')))).toEqual([
      '2026-01-14T23:00',
      '2026-01-16T23:00',
    ])
  })

  it('changes no minute and no hour', () => {
    const nowMs = at('2026-01-15T12:34:56Z')
    for (const window of ['minute', 'hour'] as const) {
      expect(windowAt(window, west, nowMs)).toEqual(windowAt(window, 'UTC', nowMs))
    }
  })

  it(`leaves no gap and no overlap, and only later ids (seed ${SEED})`, () => {
    const zones = fc.constantFrom(...ZONES)
    const windows = fc.constantFrom('day' as const, 'week' as const, 'month' as const)
    const instants = fc.integer({ min: Date.UTC(2008, 0), max: Date.UTC(2060, 0) })
    const gaps = fc.array(fc.integer({ min: 1, max: 40 * DAY_MS }), { minLength: 1, maxLength: 3 })
    const names = fc.array(zones, { minLength: 4, maxLength: 4 })
    const property = fc.property(windows, instants, gaps, names, (window, firstMs, steps, way) => {
      let zone: Zone = way[0] ?? 'UTC'
      let changedAtMs = firstMs
      steps.forEach((step, index) => {
        zone = change(zone, way[index + 1] ?? 'UTC', changedAtMs)
        changedAtMs += step
      })
      const name = typeof zone === 'string' ? zone : (zone as { zone: string }).zone
      let found = windowAt(window, zone, firstMs - 65 * DAY_MS)
      for (let count = 0; found.startMs < changedAtMs + 65 * DAY_MS; count += 1) {
        if (count > 400) expect.fail('too many windows')
        const { id, startMs, endMs } = found
        expect(id).toBe(Math.floor(startMs / 60_000))
        expect(endMs).toBeGreaterThan(startMs)
        for (const inside of [startMs, Math.floor((startMs + endMs) / 2), endMs - 1]) {
          expect(windowAt(window, zone, inside)).toEqual(found)
        }
        const next = windowAt(window, zone, endMs)
        expect(next.startMs).toBe(endMs)
        expect(next.id).toBeGreaterThan(id)
        found = next
      }
      expect(found).toEqual(windowAt(window, name, found.startMs))
    })
    fc.assert(property, { seed: SEED, numRuns: 60 })
  })
})

describe('a tenant that moves', () => {
  it.each([
    ['Europe/Berlin', 'America/New_York', '2026-01-16T05:00:00Z'],
    ['America/New_York', 'Europe/Berlin', '2026-01-16T23:00:00Z'],
  ])('from %s to %s has its day’s quota once until %s', async (from, to, resetsAt) => {
    const clock = new TestClock()
    const ledger = openMemoryLedger({ clock })
    const plan = {
      quotas: [{ policy: 'day', per: 'user', unit: 'objects', limit: 1, window: 'day' }],
    }
    const open = (settings: Record<string, unknown>) =>
      openTestGateway({ plan, clock, overrides: { ledger }, tenantSettings: { acme: settings } })
    let count = 0
    const upload = async ({ call }: TestGateway) => {
      count += 1
      return call('POST', '/v1/uploads', uploadBody({ key: `acme/alice/${count}` }))
    }
    const old = await open({ timeZone: from })
    const moved = await open({
      timeZone: to,
      formerTimeZones: [{ zone: from, until: new Date(clock.nowMs()).toISOString() }],
    })
    try {
      expect((await upload(old)).status).toBe(201)
      const refused = await upload(moved)
      expect(refused.status).toBe(429)
      const waitMs = Number(refused.headers.get('retry-after')) * 1_000
      expect(clock.nowMs() + waitMs).toBe(at(resetsAt))
      clock.advance(waitMs - 1)
      expect((await upload(moved)).status).toBe(429)
      clock.advance(1)
      const granted = await upload(moved)
      expect(granted.status).toBe(201)
      expect((await granted.json()).limits).toMatchObject([{ pending: 1, remaining: 0 }])
    } finally {
      await old.close()
      await moved.close()
    }
  })
})
