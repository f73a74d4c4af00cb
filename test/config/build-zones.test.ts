import { describe, expect, it } from 'vitest'
import { configText, load, problemsOf } from './config-fixture.ts'

const FORMER = 'tenants.acme.formerTimeZones'
const TIME_ZONE = { 'tenants.acme.timeZone': 'America/New_York' }
const problems = async (formerTimeZones: unknown) =>
  problemsOf(configText({ ...TIME_ZONE, [FORMER]: formerTimeZones }))

describe('former time zones', () => {
  it('are none by default', async () => {
    const { config } = await load(TIME_ZONE)
    expect(config.tenants.get('acme')).toMatchObject({
      timeZone: 'America/New_York',
      zones: 'America/New_York',
    })
  })

  it('come before the one in force, in their order', async () => {
    const { config } = await load({
      ...TIME_ZONE,
      [FORMER]: [
        { zone: 'UTC', until: '2025-06-01T00:00:00Z' },
        { zone: 'Europe/Berlin', until: '2026-01-15T13:00+01:00' },
      ],
    })
    expect(config.tenants.get('acme')).toMatchObject({
      timeZone: 'America/New_York',
      zones: {
        zone: 'America/New_York',
        changedAtMs: Date.UTC(2026, 0, 15, 12),
        before: { zone: 'Europe/Berlin', before: 'UTC', changedAtMs: Date.UTC(2025, 5, 1) },
      },
    })
  })

  it.each([
    '2026-12-01',
    '2026-12-01T00:00:00',
    '2026-12-01 00:00:00Z',
    '2026-02-31T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-12-01T25:00:00Z',
    'tomorrow',
  ])('do not end at %s', async (until) => {
    expect(await problems([{ zone: 'UTC', until }])).toEqual([
      `${FORMER}[0].until: must be an instant like 2026-12-01T00:00:00Z`,
    ])
  })

  it('are zones, differ from what came after, and are in order', async () => {
    expect(
      await problems([
        { zone: 'Europe/Atlantis', until: '2026-06-01T00:00:00Z' },
        { zone: 'America/New_York', until: '2026-06-01T00:00:00Z' },
      ]),
    ).toEqual([
      `${FORMER}[0].zone: is no time zone that is known here, like Europe/Berlin`,
      `${FORMER}[1].zone: must differ from the zone that came after it`,
      `${FORMER}[1].until: must be later than that of the zone before`,
    ])
    expect(await problems([{ zone: 'UTC' }])).toEqual([`${FORMER}[0].until: is required`])
  })
})
