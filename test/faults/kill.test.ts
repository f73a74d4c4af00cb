import { describeKills } from './kill-cases.ts'

// SQLite, in the folder of the configuration: one file, one clock, the process's.
describeKills(async () => ({
  where: {},
  initialise: async () => {},
  env: {},
  ports: async () => ({}),
  setAhead: async () => {},
  expectSums: async () => {},
  async [Symbol.asyncDispose]() {},
}))
