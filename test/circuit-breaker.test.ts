import { describe, expect, it } from 'vitest'
import { createCircuitBreaker } from '../src/circuit-breaker.ts'
import { TestClock } from './support/test-clock.ts'

function fixture(options: { failuresToOpen?: number; trialEveryMs?: number } = {}) {
  const clock = new TestClock()
  const breaker = createCircuitBreaker({ clock, ...options })
  const fail = (times: number) => {
    for (let time = 0; time < times; time += 1) breaker.failed()
  }
  const allowed = (calls: number) =>
    Array.from({ length: calls }, () => breaker.allow()).filter(Boolean).length
  return { clock, breaker, fail, allowed }
}

describe('createCircuitBreaker', () => {
  it('lets all calls pass until the fifth failure in a row, and none after it', () => {
    const { breaker, fail, allowed } = fixture()
    fail(4)
    expect([breaker.state, allowed(100)]).toEqual(['closed', 100])
    fail(1)
    expect([breaker.state, allowed(100)]).toEqual(['open', 0])
  })

  it('counts failures in a row alone: an answer in between starts the count afresh', () => {
    const { breaker, fail } = fixture()
    fail(4)
    breaker.succeeded()
    fail(4)
    expect(breaker.state).toBe('closed')
    fail(1)
    expect(breaker.state).toBe('open')
  })

  it('lets one trial pass 1,000 ms after it opened, none at 999 ms, and one a second from then on', () => {
    const { breaker, clock, fail, allowed } = fixture()
    fail(5)
    clock.advance(999)
    expect(allowed(10)).toBe(0)
    clock.advance(1)
    expect(allowed(10)).toBe(1)
    breaker.failed()
    clock.advance(999)
    expect(allowed(10)).toBe(0)
    clock.advance(1)
    expect(allowed(10)).toBe(1)
  })

  it('closes at the first answer, also one to a call from before it opened', () => {
    const { breaker, clock, fail, allowed } = fixture()
    fail(5)
    clock.advance(1_000)
    expect(breaker.allow()).toBe(true)
    breaker.succeeded()
    expect([breaker.state, allowed(10)]).toEqual(['closed', 10])
    fail(5)
    breaker.succeeded()
    expect([breaker.state, allowed(10)]).toEqual(['closed', 10])
    fail(4)
    expect(breaker.state).toBe('closed')
  })

  it('is not held open by calls that were under way, nor by a trial that is never heard of', () => {
    const { clock, fail, allowed } = fixture()
    fail(5)
    clock.advance(600)
    fail(50)
    clock.advance(400)
    expect(allowed(10)).toBe(1)
    clock.advance(1_000)
    expect(allowed(10)).toBe(1)
  })

  it('goes on trying when the clock steps back by an hour', () => {
    const { clock, fail, allowed } = fixture()
    fail(5)
    clock.advance(-3_600_000)
    expect(allowed(10)).toBe(1)
    clock.advance(999)
    expect(allowed(10)).toBe(0)
    clock.advance(1)
    expect(allowed(10)).toBe(1)
  })

  it('takes other numbers: one failure, a trial every 50 ms', () => {
    const { breaker, clock, fail, allowed } = fixture({ failuresToOpen: 1, trialEveryMs: 50 })
    fail(1)
    expect(breaker.state).toBe('open')
    clock.advance(49)
    expect(allowed(2)).toBe(0)
    clock.advance(1)
    expect(allowed(2)).toBe(1)
  })
})
