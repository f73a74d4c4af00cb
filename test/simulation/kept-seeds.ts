/** A seed that once broke an invariant, kept so that what it found stays mended. */
export interface KeptSeed {
  readonly seed: number
  /** Steps with faults. */
  readonly steps: number
  /** Whether the store sends events. Default false. */
  readonly events?: boolean
  /** What was wrong. */
  readonly found: string
}

/**
 * A change of the simulation itself makes other histories of the same seeds: what was found has a test
 * of its own beside the code as well.
 */
export const KEPT_SEEDS: readonly KeptSeed[] = [
  {
    seed: 2,
    steps: 3_000,
    found: 'a deleted object that was credited while its URL could bring it back',
  },
  {
    seed: 1,
    steps: 10_000,
    found: 'an overwrite that was credited to the one who overwrote, not to the owner',
  },
  {
    seed: 6,
    steps: 10_000,
    found: 'an overwritten object that its own URL could bring back for free',
  },
  {
    seed: 763601686,
    steps: 20_000,
    found: 'a credit that was forgotten before the overwrite that it was for, and posted again',
  },
  {
    seed: 27,
    steps: 5_000,
    found: 'a store’s upload id that came late and took the place of one whose parts were out',
  },
  {
    seed: 6,
    steps: 20_000,
    found: 'an abort that an older note undid',
  },
  {
    seed: 24,
    steps: 10_000,
    found: 'a form that was charged while the store still took larger files by it',
  },
  {
    seed: 1117,
    steps: 20_000,
    events: true,
    found:
      'a removal that was credited again, by a command that came after the first was forgotten',
  },
]
