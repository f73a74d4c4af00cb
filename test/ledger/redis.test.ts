import { afterAll, afterEach, beforeAll } from 'vitest'
import { everyReplyContract } from '../contract/every-reply.contract.ts'
import { ledgerContract } from '../contract/ledger.contract.ts'
import { START_MS } from '../contract/ledger-commands.ts'
import { openRedisServer, type RedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { openRedisFixture, type RedisFixture } from './redis-fixture.ts'

describeOnRedis('the ledger on a real Redis', () => {
  let server: RedisServer
  const opened: RedisFixture[] = []
  beforeAll(async () => {
    server = await openRedisServer()
  })
  afterEach(async () => {
    for (const fixture of opened.splice(0)) await fixture[Symbol.asyncDispose]()
  })
  afterAll(() => server.close())

  ledgerContract(
    'redis',
    async () => {
      const { ledger, advance } = await openRedisFixture(server, START_MS)
      return { ledger, advance, close: () => ledger.close() }
    },
    { steadyClock: false },
  )

  everyReplyContract('redis', async () => {
    const fixture = await openRedisFixture(server)
    opened.push(fixture)
    return fixture
  })
})
