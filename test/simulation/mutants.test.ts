import { describe, expect, it } from 'vitest'
import { MUTANTS } from './mutants.ts'
import { simulateRun } from './simulate-run.ts'
import { simulatedConfig } from './simulated-config.ts'
import { Violation } from './violation.ts'

/** A twentieth of what a whole run of the simulation takes. */
const MAX_SEEDS = 15
const STEPS = 5_000

describe('the simulation finds', async () => {
  const config = await simulatedConfig()
  it.each(MUTANTS)('a $name', async (mutant) => {
    const { breaks, defects, firstSeed = 1, maxSeeds = MAX_SEEDS, events = false } = mutant
    let found: unknown
    const end = firstSeed + maxSeeds
    for (let seed = firstSeed; seed < end && found === undefined; seed += 1) {
      try {
        await simulateRun({ seed, config, steps: STEPS, defects: defects(), events })
      } catch (error) {
        found = error
      }
    }
    expect(found).toBeInstanceOf(Violation)
    expect(breaks).toContain((found as Violation).invariant)
  })
})
