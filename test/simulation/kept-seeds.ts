/** A seed that once broke an invariant, kept so that what it found stays mended. */
export interface KeptSeed {
  readonly seed: number
  /** Steps with faults. */
  readonly steps: number
  /** What was wrong. */
  readonly found: string
}

export const KEPT_SEEDS: readonly KeptSeed[] = [
  {
    seed: 1,
    steps: 20_000,
    found: 'an overwrite that was credited to the one who overwrote, not to the owner',
  },
  {
    seed: 3,
    steps: 20_000,
    found: 'an overwritten object that its own URL could bring back for free',
  },
]
