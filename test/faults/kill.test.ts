import { describe } from 'vitest'
import { describeKills } from './kill-cases.ts'

describe('R19 a gateway killed at each await, its ledger in a file of SQLite', () => {
  // The file is in the folder of the configuration, and the clock is the process's.
  describeKills(async () => ({
    where: {},
    initialise: async () => {},
    env: {},
    ports: async () => ({}),
    setAhead: async () => {},
    expectSums: async () => {},
    async [Symbol.asyncDispose]() {},
  }))
})
