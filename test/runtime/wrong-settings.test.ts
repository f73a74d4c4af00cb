import { expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { createLogger } from '../../src/log.ts'
import { initRedis } from '../../src/runtime/init-redis.ts'
import { openLedger } from '../../src/runtime/open-ledger.ts'
import { load } from '../config/config-fixture.ts'
import { freePort } from '../support/free-port.ts'
import { openRedisCluster } from '../support/redis/cluster.ts'
import { openRedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'

/** Opens what `state` names, as a gateway does; `log` gets what is told meanwhile. */
async function open(state: string, log: Record<string, unknown>[] = []) {
  const { config } = await load({ state, ledger: { durability: 'disk' } })
  return await openLedger(config, {
    clock: systemClock,
    stopwatch: systemClock,
    log: createLogger({ write: (line) => void log.push(JSON.parse(line)), clock: systemClock }),
    learnTime: () => {},
    alarm: () => {},
  })
}

/** Reasons of `ledger.unusable`, in their order. */
const reasonsIn = (log: readonly Record<string, unknown>[]) =>
  log.flatMap(({ event, why }) => (event === 'ledger.unusable' ? [String(why)] : []))

describeOnRedis('a "state" that does not fit what it names', () => {
  it.each([
    ['a database that is not there', '', '/99', /database 99 .*"state"/],
    ['a plain Redis as Sentinel', '+sentinel', '/signet', /no Sentinel.*"state"/],
    ['a plain Redis as a cluster', '+cluster', '', /"cluster-enabled" must be yes/],
  ])('%s: no start, it names the setting, and nothing is written', async (_, kind, path, says) => {
    await using server = await openRedisServer({ appendOnly: 'always' })
    const opening = open(`redis${kind}://127.0.0.1:${server.port}${path}`)
    await expect(opening).rejects.toThrow(says)
    expect(await server.info('keyspace')).toEqual({})
  })

  it.each([
    ['the server', '', '', /ECONNREFUSED/],
    ['Sentinel', '+sentinel', '/signet', /no Sentinel of "state" can be reached/],
    ['the cluster', '+cluster', '', /127\.0\.0\.1:\d+: .*ECONNREFUSED/],
  ])('nobody is there as %s: one line says so, once', async (_, kind, path, says) => {
    const log: Record<string, unknown>[] = []
    const ledger = await open(`redis${kind}://127.0.0.1:${await freePort()}${path}`, log)
    await ledger.close()
    expect(reasonsIn(log)).toEqual([expect.stringMatching(says)])
  })

  it('a cluster of which one seed is none of its nodes: starts on the others', async () => {
    await using stranger = await openRedisServer({ password: 'of-somebody-else' })
    const server = { appendOnly: 'always' as const }
    await using cluster = await openRedisCluster({ replicasPerMaster: 0, server })
    const ports = [stranger, ...cluster.nodes].map(({ port }) => port)
    const state = `redis+cluster://${ports.map((port) => `127.0.0.1:${port}`).join(',')}`
    const { config } = await load({ state, ledger: { durability: 'disk' } })
    await initRedis(config, { salt: 'salt-of-a-test', acceptLoss: false })
    const ledger = await open(state)
    expect(ledger.salt).toBe('salt-of-a-test')
    await ledger.close()
  })
})
