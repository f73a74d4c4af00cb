import { describe, expect, it } from 'vitest'
import { accompanied } from './accompanied.ts'
import { simulateRun } from './simulate-run.ts'
import { simulatedConfig } from './simulated-config.ts'

const RUNS = 6
const TIMEOUT_MS = 300_000
const randomSeed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))

describe('gateways that reserve batches', { timeout: TIMEOUT_MS }, async () => {
  const config = await simulatedConfig()

  it.each([1, randomSeed])('keep every invariant under faults (seeds from %d)', async (first) => {
    const seen = new Map<string, number>()
    for (let seed = first; seed < first + RUNS; seed += 1) {
      const result = await simulateRun({ seed, config, defects: { ledger: accompanied } })
      for (const [name, count] of result.seen) seen.set(name, (seen.get(name) ?? 0) + count)
    }
    for (const name of ['R OK', 'R EXISTS', 'R CONFLICT', 'R DENIED', 'X OK', 'S OK']) {
      expect([name, seen.get(name) ?? 0]).not.toEqual([name, 0])
    }
  })
})
