import { readFile } from 'node:fs/promises'
import { expect } from 'vitest'
import { loadConfig } from '../../src/config/load-config.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { initialiseLedger } from '../support/redis/initialise.ts'
import { ledgerAtRest } from '../support/redis/ledger-at-rest.ts'
import { openRedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { openShiftedLedger, shiftLedger } from '../support/redis/shifted-ledger.ts'
import { describeKills } from './kill-cases.ts'

describeOnRedis('R19 a gateway killed at each await, its ledger on Redis', () => {
  describeKills(async () => {
    const server = await openRedisServer({ appendOnly: 'always' })
    return {
      where: { state: server.url, ledger: { commandTimeoutMs: 5_000 } },
      initialise: initialiseLedger,
      env: { LEDGER_SHIFTS: 'yes' },
      async ports({ file }, clock) {
        const readText = (path: string) => readFile(path, 'utf8')
        const sources = { env: {}, readText, hashing: nodeHashing }
        const { config } = await loadConfig(await readText(file), file, sources)
        return { ledger: await openShiftedLedger(config, clock) }
      },
      setAhead: (ms) => shiftLedger(server, ms),
      async expectSums() {
        expect((await ledgerAtRest(server)).drift).toEqual([])
      },
      [Symbol.asyncDispose]: () => server.close(),
    }
  })
})
