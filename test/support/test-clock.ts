import type { Clock } from '../../src/clock.ts'

/** A clock that moves only when a test moves it. */
export class TestClock implements Clock {
  #nowMs: number

  /** Default: noon of a Thursday, 2026-01-15T12:00:00Z. */
  constructor(nowMs = Date.UTC(2026, 0, 15, 12)) {
    this.#nowMs = nowMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  advance(ms: number): void {
    this.#nowMs += ms
  }
}
