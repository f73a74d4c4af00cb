import { describe, expect, it } from 'vitest'
import { createClockEstimate } from '../../src/stores/clock-estimate.ts'

const START_MS = Date.UTC(2026, 0, 15, 12)

/** Answers of a store that is `offsetMs` ahead, one a minute, each `roundTripMs` on its way. */
function fixture() {
  const estimate = createClockEstimate()
  let nowMs = START_MS
  const see = (offsetMs: number, roundTripMs = 0) => {
    nowMs += 60_000
    const middleMs = nowMs + roundTripMs / 2
    const dateMs = Math.floor((middleMs + offsetMs) / 1000) * 1000
    estimate.add({ dateMs, sentAtMs: nowMs, receivedAtMs: nowMs + roundTripMs })
    return estimate.offsetMs
  }
  return { estimate, see }
}

describe('createClockEstimate', () => {
  it('knows nothing before the first answer, and the offset to half a second after it', () => {
    const { estimate, see } = fixture()
    expect([estimate.offsetMs, estimate.measuredAtMs]).toEqual([undefined, undefined])
    for (const offsetMs of [0, 250, 999, -1, -90_000, 1_200_000]) {
      const one = fixture()
      expect(Math.abs((one.see(offsetMs) ?? Number.NaN) - offsetMs)).toBeLessThanOrEqual(500)
    }
    see(0)
    expect(estimate.measuredAtMs).toBe(START_MS + 60_000)
  })

  it('takes the middle of the way for the moment of a Date, and nothing from a way of more than 10 s', () => {
    const { see } = fixture()
    expect(see(0, 10_000)).toBe(500)
    expect(see(3_600_000, 10_001)).toBe(500)
    expect(see(3_600_000, -1)).toBe(500)
  })

  it('goes by the middle of the last five', () => {
    const { see } = fixture()
    for (const offsetMs of [0, 1_000, 2_000, 3_000, 4_000]) see(offsetMs)
    expect(see(5_000)).toBe(3_500)
    expect(see(6_000)).toBe(4_500)
  })

  it('is not led astray by one odd answer, and follows a clock that was set by the second', () => {
    const { see } = fixture()
    for (let n = 0; n < 5; n += 1) see(0)
    expect(see(1_200_000)).toBe(500)
    expect(see(0)).toBe(500)
    expect(see(1_200_000)).toBe(500)
    expect(see(-1_200_000)).toBe(500)
    expect(see(-1_200_000)).toBe(-1_199_500)
    expect(see(-1_200_000)).toBe(-1_199_500)
  })
})
