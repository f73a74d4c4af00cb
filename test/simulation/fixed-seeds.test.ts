import { describe, expect, it } from 'vitest'
import { KEPT_SEEDS } from './kept-seeds.ts'
import { simulateMany } from './simulate-many.ts'
import { simulateRun } from './simulate-run.ts'
import { simulatedConfig } from './simulated-config.ts'

/** Half of what a run of the tests does; the other half has seeds of its own each time. */
const STEPS = 500_000
const TIMEOUT_MS = 300_000
/** Of all that is asked, so that refusals hide nothing. */
const MIN_ADMITTED = 0.3

describe('gateways, sweepers, store and ledger', { timeout: TIMEOUT_MS }, async () => {
  const config = await simulatedConfig()

  it('keep every invariant under faults, and come to rest (seeds 1 and up)', async () => {
    const { seen } = await simulateMany({ config, seed: 1, steps: STEPS })
    const count = (name: string) => seen.get(name) ?? 0
    expect(count('R OK') / (count('R OK') + count('R DENIED'))).toBeGreaterThan(MIN_ADMITTED)
    for (const name of EXPECTED) expect([name, count(name)]).not.toEqual([name, 0])
  })

  it('do the same again for the same seed, to the last step', async () => {
    const options = { seed: 7, config, steps: 3_000 }
    const first = await simulateRun(options)
    expect(await simulateRun(options)).toEqual(first)
    expect((await simulateRun({ ...options, seed: 8 })).digest).not.toBe(first.digest)
  })

  it.each(KEPT_SEEDS)(
    'keep every invariant in seed $seed, which found $found',
    async ({ seed, steps, events = false }) => {
      await simulateRun({ seed, config, steps, events })
    },
  )
})

const EXPECTED = [
  'R OK',
  'R EXISTS',
  'R CONFLICT',
  'R DENIED',
  'R STALE',
  'R PERIOD',
  'Q OK',
  'C OK',
  'C DENIED',
  'C STALE',
  'C PERIOD',
  'S OK',
  'S DUP',
  'V OK',
  'V UNKNOWN',
  'X OK',
  'X DUP',
  'M OK',
  'M TERMINAL',
  'M EXISTS',
  'S TERMINAL',
  'L OK',
  'L DENIED',
  'G OK',
]
