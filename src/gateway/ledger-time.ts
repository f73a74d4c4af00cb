import type { Clock } from '../clock.ts'

/**
 * The ledger's clock as seen from here: our own clock plus the offset that the last reply showed.
 * Windows, deadlines and signatures are dated with it, so that they share one clock.
 */
export class LedgerTime implements Clock {
  readonly #clock: Clock
  #offsetMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  nowMs(): number {
    return this.#clock.nowMs() + this.#offsetMs
  }

  /** Takes the `now` of a reply. */
  learn(ledgerNowMs: number): void {
    this.#offsetMs = ledgerNowMs - this.#clock.nowMs()
  }
}
