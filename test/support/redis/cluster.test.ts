import { expect, it } from 'vitest'
import { openRedisCluster } from './cluster.ts'
import { describeOnRedis } from './redis-under-test.ts'
import { migrateSlot } from './slot-migration.ts'

describeOnRedis('a Redis Cluster of a test', () => {
  it('moves a slot with its keys, open at both ends meanwhile', async () => {
    await using cluster = await openRedisCluster({ replicasPerMaster: 0 })
    const slot = await cluster.slotOf('{tag}')
    const from = await cluster.masterOf(slot)
    const to = cluster.nodes.find((node) => node !== from) ?? from
    for (let n = 0; n < 25; n += 1) await from.command('SET', `{tag}:${n}`, n, 'PX', 60_000)
    const seen: number[] = []
    const movedKeys = await migrateSlot(cluster, {
      slot,
      from,
      to,
      async onBatch(moved) {
        seen.push(moved)
        await expect(from.command('GET', '{tag}:none')).rejects.toThrow(`ASK ${slot}`)
      },
    })
    expect([movedKeys, seen]).toEqual([25, [0, 10, 20, 25]])
    expect(await cluster.masterOf(slot)).toBe(to)
    expect(await to.command('GET', '{tag}:24')).toBe('24')
    expect(await to.command('PTTL', '{tag}:24')).toBeGreaterThan(0)
    await expect(from.command('GET', '{tag}:24')).rejects.toThrow(`MOVED ${slot}`)
  })
})
