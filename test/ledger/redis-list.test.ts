import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { Ledger } from '../../src/ledger/port.ts'
import type { RedisLink } from '../../src/ledger/redis/redis-link.ts'
import { TENANT, USER } from '../contract/reservation-commands.ts'
import { openRedisServer, type RedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { addTombstones, besideDecisions, openGatewayLedger, upload } from './crowded-partition.ts'
import { initialise, openLink } from './redis-fixture.ts'

const OTHERS = 60_000
const MANY_MS = 60_000

describeOnRedis('lists of uploads, on a server that holds many', () => {
  let server: RedisServer
  let link: RedisLink
  let ledger: Ledger
  let lateMs = 0
  beforeAll(async () => {
    server = await openRedisServer()
    link = await openLink(server.port)
    await initialise(server.port)
    // A clock that stands, until a test makes it run on at every look at it.
    let atMs = systemClock.nowMs()
    const nowMs = () => {
      atMs += lateMs
      return atMs
    }
    ledger = await openGatewayLedger(server, { nowMs })
    await addTombstones(link, { count: OTHERS, owner: TENANT })
    await addTombstones(link, { count: 3, owner: USER, name: 'own' })
    await ledger.admit(upload('up_pending'))
  }, MANY_MS)
  afterAll(async () => {
    await ledger.close()
    await link.close()
    await server.close()
  })

  const list = (states: readonly ('P' | 'S' | 'V')[], limit = 10, after = '') =>
    ledger.list({ partition: 0, owner: USER, states, ridPrefix: 'up_', after, limit })
  const rids = async (listed: ReturnType<typeof list>) => (await listed).map(({ rid }) => rid)

  it('finds the caller’s own among those of others, page by page, and decisions go on', async () => {
    const { result, failed } = await besideDecisions(ledger, rids(list(['S'], 2)))
    expect(result).toEqual(['up_own_0', 'up_own_1'])
    expect(failed).toEqual([])
    expect(await rids(list(['S'], 2, 'up_own_1'))).toEqual(['up_own_2'])
    expect(await rids(list(['P', 'V']))).toEqual(['up_pending'])
  })

  it('503: walks for one list of what has ended at a time; what is pending has an index', async () => {
    const first = list(['S'])
    await expect(list(['S'])).rejects.toMatchObject({ code: 'Overloaded' })
    expect(await rids(list(['P']))).toEqual(['up_pending'])
    expect(await rids(first)).toHaveLength(3)
    expect(await rids(list(['S']))).toHaveLength(3)
  })

  it('503: gives up a list that takes longer than two seconds, and lets the next one try', async () => {
    lateMs = 100
    try {
      await expect(list(['S'])).rejects.toMatchObject({
        code: 'Overloaded',
        message: expect.stringContaining('too many reservations'),
      })
    } finally {
      lateMs = 0
    }
    expect(await rids(list(['S']))).toHaveLength(3)
  })
})
