import { expect, it } from 'vitest'
import { describeOnRedis } from './redis-under-test.ts'
import { openReplication, strandReplicas } from './replication.ts'

describeOnRedis('a replicated Redis of a test', () => {
  it('has replicas in step, whose acknowledgement a WAIT counts', async () => {
    await using redis = await openReplication({ replicas: 2, server: { password: 'secret' } })
    await redis.master.command('DEBUG', 'POPULATE', 1_000)
    const written = redis.master.pipeline(['SET', 'key', 'value'], ['WAIT', 2, 5_000])
    expect(await written).toEqual(['OK', 2])
    await redis.waitUntilSynced()
    for (const replica of redis.replicas) {
      expect(await replica.command('GET', 'key')).toBe('value')
      await expect(replica.command('SET', 'key', 'other')).rejects.toThrow(/^READONLY /)
    }
  })

  it('keeps a held write from a replica until the link goes on', async () => {
    await using redis = await openReplication({ proxied: true })
    const { master, replicas, links } = redis
    await links[0]?.setMode('hold')
    const written = master.pipeline(['SET', 'key', 'value'], ['WAIT', 1, 100])
    expect(await written).toEqual(['OK', 0])
    expect(await replicas[0]?.command('GET', 'key')).toBe(null)
    await links[0]?.setMode('pass')
    await redis.waitUntilSynced()
    expect(await replicas[0]?.command('GET', 'key')).toBe('value')
  })

  it('loses for good what was held when the master dies and the link is reset', async () => {
    await using redis = await openReplication({ proxied: true })
    const [replica = redis.master] = redis.replicas
    await redis.links[0]?.setMode('hold')
    await redis.master.command('SET', 'key', 'value')
    await redis.master.kill()
    await redis.links[0]?.setMode('reset')
    await replica.command('REPLICAOF', 'NO', 'ONE')
    expect(await replica.command('GET', 'key')).toBe(null)
  })

  it('strands a replica, so that it misses what was written before the master was killed', async () => {
    await using redis = await openReplication({ replicas: 2 })
    const [stranded = redis.master, other = redis.master] = redis.replicas
    await strandReplicas(redis.master, [stranded])
    const written = redis.master.pipeline(['SET', 'key', 'value'], ['WAIT', 1, 5_000])
    expect(await written).toEqual(['OK', 1])
    expect(await other.command('GET', 'key')).toBe('value')
    await redis.master.kill()
    await stranded.kill('SIGCONT')
    await stranded.command('REPLICAOF', 'NO', 'ONE')
    expect(await stranded.command('GET', 'key')).toBe(null)
  })
})
