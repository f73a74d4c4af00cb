import { afterEach, describe, expect, it, vi } from 'vitest'
import { monotonicClock, systemClock } from '../src/clock.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

describe('monotonicClock', () => {
  it('goes on as before when the machine’s clock is set', () => {
    const beforeMs = monotonicClock.nowMs()
    vi.spyOn(Date, 'now').mockReturnValue(0)
    expect(systemClock.nowMs()).toBe(0)
    const afterMs = monotonicClock.nowMs()
    expect(afterMs).toBeGreaterThanOrEqual(beforeMs)
    expect(afterMs - beforeMs).toBeLessThan(60_000)
  })
})
