/** A broken invariant of `ledger.md` section 14, with what repeats it. */
export class Violation extends Error {
  readonly invariant: string
  readonly seed: number
  readonly step: number

  constructor(invariant: string, detail: string, at: { seed: number; step: number }) {
    super(`${invariant} is broken in seed ${at.seed} at step ${at.step}: ${detail}`)
    this.name = 'Violation'
    this.invariant = invariant
    this.seed = at.seed
    this.step = at.step
  }
}

/** Reports what is broken. Never throws: use cases would catch it. */
export type Fail = (invariant: string, detail: string) => void

/** Takes lines about what happens, for a person who looks into a violation. */
export type Trace = (line: () => string) => void
