import { afterAll, beforeAll, expect, it } from 'vitest'
import { openState } from '../../src/runtime/open-state.ts'
import type { StateStore } from '../../src/state/port.ts'
import { load } from '../config/config-fixture.ts'
import { stateStoreContract } from '../contract/state-store.contract.ts'
import { openRedisCluster, type RedisCluster } from '../support/redis/cluster.ts'
import { openRedisServer, type RedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { openSentinelGroup, type SentinelGroup } from '../support/redis/sentinel.ts'
import { migrateSlot } from '../support/redis/slot-migration.ts'
import { until } from '../support/until.ts'

/** A state store as a gateway with this `state` has it. */
async function opened(state: string): Promise<StateStore> {
  const { config } = await load({ state, ledger: { durability: 'async' } })
  return await openState(config)
}

function contractOn(name: string, at: () => { url: string; servers: readonly RedisServer[] }) {
  stateStoreContract(name, async () => {
    const { url, servers } = at()
    for (const server of servers) {
      // Replicas refuse it, and follow their master.
      await server.command('FLUSHALL').catch(() => {})
    }
    const [one, other] = [await opened(url), await opened(url)]
    return {
      one,
      other,
      async close() {
        await one.close()
        await other.close()
      },
    }
  })
}

describeOnRedis('the state store on a real Redis', () => {
  let server: RedisServer
  const url = () => `redis://127.0.0.1:${server.port}`
  beforeAll(async () => {
    server = await openRedisServer()
  })
  afterAll(() => server.close())
  contractOn('Redis', () => ({ url: url(), servers: [server] }))

  it('503: keeps nothing and says no address while the server is away, and finds back', async () => {
    const state = await opened(url())
    try {
      await state.put({ name: 'probe/main', value: 'before' })
      await server.kill()
      const error = await state.get('probe/main').catch((caught: unknown) => caught)
      expect(error).toMatchObject({
        code: 'LedgerUnavailable',
        message: 'Cannot use the shared state: no answer',
      })
      await server.restart()
      // The connection comes back by itself, some time after the server.
      const empty = () =>
        state.get('probe/main').then(
          (found) => found === undefined,
          () => false,
        )
      await until('the state store is back', empty)
      expect(await state.put({ name: 'probe/main', value: 'after', ifVersion: 0 })).toBe(1)
    } finally {
      await state.close()
    }
    await expect(state.get('probe/main')).rejects.toMatchObject({ code: 'LedgerUnavailable' })
  })
})

describeOnRedis('the state store on a Redis Cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await openRedisCluster({ replicasPerMaster: 0 })
  })
  afterAll(() => cluster.close())
  // The first seed alone: whoever has the slot is found from any node.
  const url = () => `redis+cluster://127.0.0.1:${cluster.nodes[2]?.port}`
  contractOn('Redis Cluster', () => ({ url: url(), servers: cluster.nodes }))

  it('follows the slot to another master, and loses nothing on the way', async () => {
    const state = await opened(url())
    try {
      await state.put({ name: 'probe/main', value: 'kept' })
      const slot = await cluster.slotOf('d:{021}:probe')
      const from = await cluster.masterOf(slot)
      const to = cluster.nodes.find((node) => node !== from) as RedisServer
      await migrateSlot(cluster, { slot, from, to })
      expect(await state.put({ name: 'probe/main', value: 'moved', ifVersion: 1 })).toBe(2)
      expect(await state.get('probe/main')).toMatchObject({ version: 2, value: 'moved' })
    } finally {
      await state.close()
    }
  })
})

describeOnRedis('the state store behind Sentinels', () => {
  let group: SentinelGroup
  beforeAll(async () => {
    group = await openSentinelGroup({ replicas: 1 })
  })
  afterAll(() => group.close())
  const url = () =>
    `redis+sentinel://${group.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${group.name}`
  contractOn('Redis with Sentinel', () => ({ url: url(), servers: group.nodes }))
})
