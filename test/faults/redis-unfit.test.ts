import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import {
  NODE_ENTRY,
  type PreparedGateway,
  reopenGateway,
  startChild,
} from '../support/gateway-process.ts'
import { initialiseLedger } from '../support/redis/initialise.ts'
import { readContents } from '../support/redis/ledger-contents.ts'
import { Answers, callsOf, openRedisSetUp, startOn } from '../support/redis/redis-gateway.ts'
import { openRedisServer, type RedisServerOptions } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'

/** What the README gives to the ledger's user, in one line. */
const README = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
const ACL = /^user signet on >PASSWORD (.+)$/m.exec(README)?.[1] ?? ''
const PASSWORD = 'a-password-of-a-test'

const userOf = (rules: string) => [`user signet on >${PASSWORD} ${rules}`]
const without = (rule: string) => {
  const rules = ACL.split(' ')
  expect(rules).toContain(rule)
  return userOf(rules.filter((each) => each !== rule).join(' '))
}

/** Changes the configuration of a prepared gateway. */
async function changeConfig({ file }: PreparedGateway, change: Record<string, unknown>) {
  const config = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
  const ledger = { ...(config.ledger as object), ...(change.ledger as object) }
  const changed = { ...config, ...change, ...(Object.keys(ledger).length > 0 && { ledger }) }
  await writeFile(file, JSON.stringify(changed))
}

/** What a gateway says that must not start. */
async function refusedStart({ file }: PreparedGateway): Promise<string> {
  await using child = startChild({ args: [NODE_ENTRY], env: { SIGNET_CONFIG: file } })
  const { code } = await child.ended
  const said = child.stderr()
  expect({ code, said }).toMatchObject({ code: 1 })
  expect(said).not.toContain(PASSWORD)
  return said
}

/** What the same says where its process is not looked at: the error that ends it, as it is logged. */
async function refusedOpening(prepared: PreparedGateway): Promise<string> {
  const opening = reopenGateway(prepared)
  // Should it open all the same, it is closed before the test fails.
  void opening.then((opened) => opened[Symbol.asyncDispose]()).catch(() => undefined)
  const error = await opening.then(
    () => undefined,
    (caught: unknown) => caught,
  )
  expect(error).toBeInstanceOf(GatewayError)
  const said = JSON.stringify((error as GatewayError).message)
  expect(said).not.toContain(PASSWORD)
  return said
}

interface Unfit {
  readonly redis?: RedisServerOptions
  readonly ledger?: Record<string, unknown>
  readonly says: RegExp
}

const UNFIT: Record<string, Unfit> = {
  'evicts keys': {
    redis: { maxmemoryPolicy: 'allkeys-lru' },
    says: /maxmemory-policy.*noeviction/,
  },
  'keeps nothing on disk': { redis: { appendOnly: 'no' }, says: /\\"appendonly\\" must be yes/ },
  'writes to disk once a second': {
    redis: { appendOnly: 'everysec' },
    says: /\\"appendfsync\\" must be always/,
  },
  'has too few replicas': {
    ledger: { durability: 'strict', replicas: 1 },
    says: /0 replicas.*ledger\.replicas/,
  },
  'is part of a cluster': {
    redis: { settings: ['cluster-enabled yes'] },
    says: /cluster-enabled.*redis\+cluster/,
  },
}

describeOnRedis('a Redis that must not hold the ledger', () => {
  it.each(Object.entries(UNFIT))('R10 %s: no start, and it names the setting', async (_, unfit) => {
    const { says, redis, ledger } = unfit
    const options = { initialise: false, ...(redis && { redis }), ...(ledger && { ledger }) }
    await using setUp = await openRedisSetUp(options)
    expect(await refusedOpening(setUp.prepared)).toMatch(says)
  })

  it('R10 a replica, named as the server: no start, and it says whose name belongs there', async () => {
    await using master = await openRedisServer({ appendOnly: 'always' })
    await using setUp = await openRedisSetUp({ redis: { replicaOf: master }, initialise: false })
    expect(await refusedStart(setUp.prepared)).toMatch(/replicaof.*master/)
  })

  it('R10 no password, a wrong one: no start, and no password in the log', async () => {
    await using setUp = await openRedisSetUp({ redis: { password: 'right' }, initialise: false })
    const state = `redis://127.0.0.1:${setUp.server.port}`
    await changeConfig(setUp.prepared, { state })
    expect(await refusedOpening(setUp.prepared)).toMatch(/ledger\.password.*NOAUTH/)
    await changeConfig(setUp.prepared, { state, ledger: { password: PASSWORD } })
    expect(await refusedStart(setUp.prepared)).toMatch(/ledger\.password.*WRONGPASS/)
  })

  it('R10 TLS against a plain server, plain against TLS, a certificate that nobody vouches for', async () => {
    await using setUp = await openRedisSetUp({ initialise: false })
    await changeConfig(setUp.prepared, { state: setUp.server.url.replace('redis:', 'rediss:') })
    expect(await refusedOpening(setUp.prepared)).toMatch(/speaks no TLS.*redis:/)
    await using secured = await openRedisServer({ appendOnly: 'always', tls: true })
    await changeConfig(setUp.prepared, { state: secured.url })
    expect(await refusedStart(setUp.prepared)).toMatch(/ledger\.tls.*self.signed certificate/i)
    await changeConfig(setUp.prepared, { state: secured.url.replace('rediss:', 'redis:') })
    expect(await refusedOpening(setUp.prepared)).toMatch(/speaks TLS alone.*rediss:/)
    // And with both right, all is well.
    const tls = { ca: join(secured.directory, 'server.crt') }
    await changeConfig(setUp.prepared, { state: secured.url, ledger: { tls } })
    await initialiseLedger(setUp.prepared)
    const { gateway, upload } = await startOn(setUp)
    await using _ = gateway
    expect((await upload()).status).toBe(201)
  })

  it('R10 a user with exactly the permissions of the README: init, start, upload, end, list', async () => {
    const redis = { users: userOf(ACL) }
    const ledger = { username: 'signet', password: PASSWORD }
    await using setUp = await openRedisSetUp({ redis, ledger })
    const gateway = await setUp.open()
    const { upload } = callsOf(gateway)
    const answers = new Answers()
    expect(await answers.take(upload())).toBe(201)
    const [id] = answers.granted
    for (const path of ['/v1/uploads', `/v1/uploads/${id}`, '/v1/usage']) {
      expect((await gateway.call('GET', path)).status).toBe(200)
    }
    expect((await gateway.call('DELETE', `/v1/uploads/${id}`)).status).toBe(204)
    const { records } = await readContents(setUp.server.port)
    expect([...records.keys()]).toEqual([id])
  })

  it.each(['+evalsha', '+info', '+mset', '~x:*'])(
    'R10 a user without %s: no start, it names what is missing, and nothing is left behind',
    async (rule) => {
      const redis = { users: without(rule) }
      const ledger = { username: 'signet', password: PASSWORD }
      await using setUp = await openRedisSetUp({ redis, ledger, initialise: false })
      const said = await refusedOpening(setUp.prepared)
      expect(said).toMatch(/ledger\.username/)
      if (rule.startsWith('+')) {
        const name = rule.slice(1).replace('|', '.*')
        expect(said.toLowerCase()).toMatch(new RegExp(name))
      }
      expect(await setUp.server.info('keyspace')).toEqual({})
    },
  )

  it('R10 a user without what an audit log on Redis needs: no start, and it names that', async () => {
    const redis = { users: userOf(ACL) }
    const ledger = { username: 'signet', password: PASSWORD }
    await using setUp = await openRedisSetUp({ redis, ledger, initialise: false })
    await changeConfig(setUp.prepared, { audit: { redis: {} } })
    expect((await refusedStart(setUp.prepared)).toLowerCase()).toMatch(/xadd.*xrevrange/)
    expect(await setUp.server.info('keyspace')).toEqual({})
  })
})
