import { describe, it } from 'vitest'
import { simulateMany } from './simulate-many.ts'
import { simulatedConfig } from './simulated-config.ts'

const STEPS = 500_000
const TIMEOUT_MS = 300_000

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))

/** Every other time the store sends events as well. */
const events = seed % 2 === 0
const also = events ? ', with events' : ''

describe('gateways, sweepers, store and ledger', { timeout: TIMEOUT_MS }, () => {
  it(`keep every invariant under faults that nobody has seen before (seed ${seed}${also})`, async () => {
    await simulateMany({ config: await simulatedConfig(), seed, steps: STEPS, events })
  })
})
