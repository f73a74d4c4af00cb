import { expect, it } from 'vitest'
import { describeOnRedis } from './redis-under-test.ts'
import { openSentinelGroup } from './sentinel.ts'

describeOnRedis('a Sentinel group of a test', () => {
  it('names another master after a kill, and takes the old one back as a replica', async () => {
    await using group = await openSentinelGroup()
    const old = await group.currentMaster()
    expect(old).toBe(group.nodes[0])
    await old.kill()
    const master = await group.newMaster(old)
    await master.command('SET', 'key', 'value')
    await old.restart()
    await group.untilHealthy()
    expect(await old.info('replication')).toMatchObject({
      role: 'slave',
      master_port: String(master.port),
    })
    expect(await old.command('GET', 'key')).toBe('value')
    expect(await group.currentMaster()).toBe(master)
  })

  it('lets a test cut a master off from all but its own clients, and heal it', async () => {
    await using group = await openSentinelGroup({ proxied: true, replicas: 1 })
    const [old, other] = group.nodes
    if (old === undefined || other === undefined) throw new Error('Cannot test: two nodes wanted')
    await group.proxies[0]?.setMode('blackhole')
    expect(await group.newMaster(old)).toBe(other)
    expect(await old.command('SET', 'key', 'of the minority')).toBe('OK')
    expect(await other.command('SET', 'key', 'of the majority')).toBe('OK')
    await group.proxies[0]?.setMode('pass')
    await group.untilHealthy()
    expect(await old.command('GET', 'key')).toBe('of the majority')
  })
})
