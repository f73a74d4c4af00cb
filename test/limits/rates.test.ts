import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openLimits, planOf, rate } from './asked-limits.ts'

const SEED = crypto.getRandomValues(new Int32Array(1))[0] ?? 0

describe('rates', () => {
  it('refuses after 999 ms what it grants after 1,000', async () => {
    for (const [waitMs, code] of [
      [999, 'DENIED'],
      [1_000, 'OK'],
    ] as const) {
      const { clock, reserve } = openLimits(planOf([rate(1, 1)]))
      await reserve({ requests: 1 })
      clock.advance(waitMs)
      expect((await reserve({ requests: 1 })).code).toBe(code)
    }
  })

  it('grants the whole burst at once and nothing more, also where a second is no multiple', async () => {
    // 3, 7 and 11 in a second are 333,333.3…, 142,857.1… and 90,909.0… µs apart.
    for (const requests of [1, 3, 7, 11, 1_000]) {
      const { reserve } = openLimits(planOf([rate(requests, 1)]))
      for (let index = 0; index < requests; index += 1) {
        expect((await reserve({ requests: 1 })).code).toBe('OK')
      }
      expect((await reserve({ requests: 1 })).code).toBe('DENIED')
    }
  })

  it('grants a burst in one request as in many', async () => {
    for (const burst of [3, 7]) {
      const { reserve } = openLimits(planOf([rate(7, 1, burst)]))
      expect((await reserve({ requests: burst })).code).toBe('OK')
      expect((await reserve({ requests: 1 })).code).toBe('DENIED')
    }
  })

  it('says how many are left, and loses none by rounding', async () => {
    const { reserve, look } = openLimits(planOf([rate(3, 1)]))
    const left: (number | undefined)[] = [(await look()).statuses[0]?.remaining]
    for (let index = 0; index < 3; index += 1) {
      left.push((await reserve({ requests: 1 })).statuses[0]?.remaining)
    }
    left.push((await look()).statuses[0]?.remaining)
    expect(left).toEqual([3, 2, 1, 0, 0])
  })

  it('says when the whole burst is back, rounded up to a second', async () => {
    const { clock, reserve, look } = openLimits(planOf([rate(2, 3, 2)]))
    await reserve({ requests: 1 })
    const [status] = (await look()).statuses
    expect(status).toMatchObject({
      limit: 2,
      used: 1,
      pending: 0,
      resetsAt: '2026-01-15T12:00:02Z',
    })
    clock.advance(1_500)
    expect((await look()).statuses[0]).toMatchObject({ used: 0, remaining: 2 })
    clock.advance(60_000)
    expect((await look()).statuses[0]?.resetsAt).toBe('2026-01-15T12:01:02Z')
  })

  it('rounds the wait up: who waits is never early', async () => {
    const { clock, reserve } = openLimits(planOf([rate(2, 3, 1)]))
    await reserve({ requests: 1 })
    const { verdict } = await reserve({ requests: 1 })
    expect(verdict).toMatchObject({ waitingHeals: true, retryAfterSeconds: 2, onlyRates: true })
    clock.advance(499)
    expect((await reserve({ requests: 1 })).verdict.retryAfterSeconds).toBe(2)
    clock.advance(1)
    expect((await reserve({ requests: 1 })).verdict.retryAfterSeconds).toBe(1)
    clock.advance(999)
    expect((await reserve({ requests: 1 })).verdict.retryAfterSeconds).toBe(1)
    clock.advance(1)
    expect((await reserve({ requests: 1 })).code).toBe('OK')
  })

  it('waiting does not heal a request that costs more than the burst', async () => {
    const { reserve } = openLimits(planOf([rate(10, 1, 3)]))
    const { code, verdict } = await reserve({ requests: 4 })
    expect(code).toBe('DENIED')
    expect(verdict.waitingHeals).toBe(false)
    expect(verdict.retryAfterSeconds).toBeUndefined()
    expect(verdict.violations).toEqual([
      { policy: 'user-requests', unit: 'requests', limit: 3, used: 0, pending: 0, requested: 4 },
    ])
    expect((await reserve({ requests: 3 })).code).toBe('OK')
  })

  it(`never grants more than burst and pace allow, and heals when it says (seed ${SEED})`, async () => {
    const waits = fc.array(fc.integer({ min: 0, max: 2_500 }), { minLength: 1, maxLength: 60 })
    const small = fc.integer({ min: 1, max: 20 })
    const property = fc.asyncProperty(
      small,
      small,
      small,
      waits,
      async (requests, seconds, burst, all) => {
        const { clock, reserve } = openLimits(planOf([rate(requests, seconds, burst)]))
        const startMs = clock.nowMs()
        let granted = 0
        for (const waitMs of all) {
          clock.advance(waitMs)
          const { code, verdict } = await reserve({ requests: 1 })
          if (code === 'OK') granted += 1
          else {
            clock.advance((verdict.retryAfterSeconds ?? 0) * 1_000)
            expect((await reserve({ requests: 1 })).code).toBe('OK')
            granted += 1
          }
          const passedSeconds = (clock.nowMs() - startMs) / 1_000
          expect(granted).toBeLessThanOrEqual(burst + (requests / seconds) * passedSeconds + 1e-9)
        }
      },
    )
    await fc.assert(property, { seed: SEED, numRuns: 100 })
  })
})
