/** A seed that once broke an invariant, kept so that what it found stays mended. */
export interface KeptSeed {
  readonly seed: number
  /** Steps with faults. */
  readonly steps: number
  /** What was wrong. */
  readonly found: string
}

export const KEPT_SEEDS: readonly KeptSeed[] = []
