import { expect, it } from 'vitest'
import { describeOnRedis } from './redis-under-test.ts'
import { openReplication } from './replication.ts'

describeOnRedis('a replicated Redis of a test', () => {
  it('has replicas in step, whose acknowledgement a WAIT counts', async () => {
    await using redis = await openReplication({ replicas: 2, server: { password: 'secret' } })
    await redis.master.command('DEBUG', 'POPULATE', 1_000)
    await redis.master.command('SET', 'key', 'value')
    await redis.waitUntilSynced()
    for (const replica of redis.replicas) {
      expect(await replica.command('GET', 'key')).toBe('value')
      await expect(replica.command('SET', 'key', 'other')).rejects.toThrow(/^READONLY /)
    }
    expect(await redis.master.command('WAIT', 2, 1_000)).toBe(2)
  })

  it('lets a replica lag when it is stopped, or when its link holds', async () => {
    await using redis = await openReplication({ replicas: 1, proxied: true })
    const { master, replicas, links } = redis
    const [replica] = replicas
    await links[0]?.setMode('hold')
    await master.command('SET', 'key', 'value')
    expect(await replica?.command('GET', 'key')).toBe(null)
    await links[0]?.setMode('pass')
    await redis.waitUntilSynced()
    expect(await replica?.command('GET', 'key')).toBe('value')

    await replica?.kill('SIGSTOP')
    await master.command('SET', 'key', 'newer')
    await master.kill()
    await replica?.kill('SIGCONT')
    await replica?.command('REPLICAOF', 'NO', 'ONE')
  })
})
