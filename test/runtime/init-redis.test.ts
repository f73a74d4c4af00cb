import { expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import type { InitOptions } from '../../src/ledger/redis/init-ledger.ts'
import { initRedis } from '../../src/runtime/init-redis.ts'
import { load } from '../config/config-fixture.ts'
import { freePort } from '../support/free-port.ts'
import { openRedisServer, type RedisServerOptions } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'

const SALT = 'salt-of-a-test'
const PASSWORD = 'a-password-of-a-test'

/** Initialises what `state` names, as the command line does. */
async function init(
  state: string,
  ledger: Record<string, unknown> = {},
  options: Partial<InitOptions> = {},
) {
  const { config } = await load({ state, ledger: { durability: 'async', ...ledger } })
  return await initRedis(config, { salt: SALT, acceptLoss: false, ...options })
}

/** What is said of a server on which nothing may be made, and that nothing was. */
async function refusalOf(
  attempt: Promise<unknown>,
): Promise<{ readonly message: string; readonly tookMs: number }> {
  const startMs = performance.now()
  const error = await attempt.then(
    () => undefined,
    (caught: unknown) => caught,
  )
  expect(error).toBeInstanceOf(GatewayError)
  const { message } = error as GatewayError
  expect(message).toMatch(/^Cannot /)
  expect(message).not.toContain(PASSWORD)
  return { message, tookMs: performance.now() - startMs }
}

interface Refused {
  readonly redis?: RedisServerOptions
  readonly state: (port: number) => string
  readonly ledger?: Record<string, unknown>
  readonly says: RegExp
}

const REFUSED: Record<string, Refused> = {
  'has no such database': {
    state: (port) => `redis://127.0.0.1:${port}/99`,
    says: /database 99.*"state".*out of range/,
  },
  'does not let the user choose a database': {
    redis: { users: [`user signet on >${PASSWORD} ~* +@all -select`] },
    state: (port) => `redis://127.0.0.1:${port}/3`,
    ledger: { username: 'signet', password: PASSWORD },
    says: /database 3.*"state".*NOPERM.*select/,
  },
  'is no cluster': {
    state: (port) => `redis+cluster://127.0.0.1:${port}`,
    says: /"cluster-enabled" must be yes/,
  },
  'is part of a cluster': {
    redis: { settings: ['cluster-enabled yes'] },
    state: (port) => `redis://127.0.0.1:${port}`,
    says: /"cluster-enabled" is yes.*redis\+cluster:/,
  },
  'is part of a cluster whose slots nobody has': {
    redis: { settings: ['cluster-enabled yes'] },
    state: (port) => `redis+cluster://127.0.0.1:${port}`,
    says: /not every slot has a master/,
  },
  'is no sentinel': {
    state: (port) => `redis+sentinel://127.0.0.1:${port}/signet`,
    ledger: { durability: 'async' },
    says: /no Sentinel.*"state" must name Sentinels/,
  },
  'evicts keys': {
    redis: { maxmemoryPolicy: 'allkeys-lru' },
    state: (port) => `redis://127.0.0.1:${port}`,
    says: /"maxmemory-policy" must be noeviction/,
  },
  'keeps nothing on disk': {
    state: (port) => `redis://127.0.0.1:${port}`,
    ledger: { durability: 'disk' },
    says: /"appendonly" must be yes/,
  },
  'asks for a password': {
    redis: { password: PASSWORD },
    state: (port) => `redis://127.0.0.1:${port}`,
    says: /"ledger\.password".*NOAUTH/,
  },
}

describeOnRedis('initialising a ledger on Redis', () => {
  it.each(Object.entries(REFUSED))(
    'a server that %s: refused by name of the setting, and nothing is written',
    async (_, { redis, state, ledger, says }) => {
      await using server = await openRedisServer(redis)
      const { message } = await refusalOf(init(state(server.port), ledger))
      expect(message).toMatch(says)
      expect(await server.info('keyspace')).toEqual({})
    },
  )

  it('a replica: refused, and its master gets nothing', async () => {
    await using master = await openRedisServer()
    await using replica = await openRedisServer({ replicaOf: master })
    const { message } = await refusalOf(init(`redis://127.0.0.1:${replica.port}`))
    expect(message).toMatch(/replica.*"state" must name the master/)
    expect(await master.info('keyspace')).toEqual({})
  })

  it.each([
    ['server', (port: number) => `redis://127.0.0.1:${port}`],
    ['sentinel', (port: number) => `redis+sentinel://127.0.0.1:${port}/signet`],
    ['seed of a cluster', (port: number) => `redis+cluster://127.0.0.1:${port}`],
  ])('nobody is there as the %s: says so, long before 5 s', async (_, state) => {
    const { message, tookMs } = await refusalOf(init(state(await freePort())))
    expect(message).toMatch(/ECONNREFUSED|no Sentinel .* can be reached/)
    expect(tookMs).toBeLessThan(3_000)
  })

  it('makes it in the database that "state" names', async () => {
    await using server = await openRedisServer()
    expect(await init(`redis://127.0.0.1:${server.port}/3`)).toMatchObject({ created: true })
    expect(Object.keys(await server.info('keyspace'))).toEqual(['db3'])
  })

  it('opens again what is empty by now, when the loss is accepted', async () => {
    await using server = await openRedisServer()
    const state = `redis://127.0.0.1:${server.port}`
    expect(await init(state, {}, { acceptLoss: true })).toMatchObject({ created: true, salt: SALT })
  })

  it('keeps the salt of a ledger, unless another one is named and a loss accepted', async () => {
    await using server = await openRedisServer()
    const state = `redis://127.0.0.1:${server.port}`
    await init(state)
    await refusalOf(init(state, {}, { salt: 'other', replaceSalt: true }))
    const kept = await init(state, {}, { salt: 'other', acceptLoss: true })
    expect(kept).toMatchObject({ created: false, salt: SALT })
    const given = { salt: 'other', replaceSalt: true, acceptLoss: true }
    expect(await init(state, {}, given)).toMatchObject({ salt: 'other' })
    expect(await init(state, {}, { acceptLoss: true })).toMatchObject({ salt: 'other' })
  })
})
