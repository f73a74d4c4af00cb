import { simulateRun } from './simulate-run.ts'
import type { SimulatedConfig } from './simulated-config.ts'

/** What several runs came to together. */
export interface Tally {
  readonly steps: number
  /** The first seed that was not used. */
  readonly nextSeed: number
  /** How often each operation got each reply. */
  readonly seen: ReadonlyMap<string, number>
}

/**
 * Run after run, a seed each, until there are `steps` of them in all. Throws the first `Violation`;
 * its message names the seed.
 */
export async function simulateMany(options: {
  readonly config: SimulatedConfig
  readonly seed: number
  readonly steps: number
  readonly stepsARun?: number
  /** Whether the store sends events. Default false. */
  readonly events?: boolean
  /** Told after every run. */
  readonly onRun?: (tally: Tally) => void
  readonly onLine?: (line: string) => void
}): Promise<Tally> {
  const { config, seed, steps: wanted, stepsARun, events = false, onRun, onLine } = options
  const seen = new Map<string, number>()
  let steps = 0
  let nextSeed = seed
  while (steps < wanted) {
    const result = await simulateRun({
      seed: nextSeed,
      config,
      events,
      ...(stepsARun !== undefined && { steps: stepsARun }),
      ...(onLine !== undefined && { onLine }),
    })
    steps += result.steps
    nextSeed += 1
    for (const [name, count] of result.seen) seen.set(name, (seen.get(name) ?? 0) + count)
    onRun?.({ steps, nextSeed, seen })
  }
  return { steps, nextSeed, seen }
}
