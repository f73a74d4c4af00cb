import { expect, it } from 'vitest'
import type { RedisLink } from '../../src/ledger/redis/redis-link.ts'
import { ioredisConnector } from '../../src/runtime/ioredis-link.ts'
import { Secret } from '../../src/secret.ts'
import { openFaultProxy } from '../support/redis/fault-proxy.ts'
import { openRedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { openSentinelGroup } from '../support/redis/sentinel.ts'
import { until } from '../support/until.ts'

const ACCESS = { database: 0, tls: undefined, commandTimeoutMs: 2_000, connectTimeoutMs: 5_000 }
const connect = ioredisConnector(ACCESS)
const events = { onReady: () => {}, onLost: () => {} }

const untilReady = (link: RedisLink) => until('the link is ready', async () => link.ready)

describeOnRedis('a link on ioredis', () => {
  it('is never ready in another database than its own, and is so once it is let in', async () => {
    const user = 'user signet on >a-password-of-a-test ~* +@all'
    await using server = await openRedisServer({ users: [`${user} -select`] })
    const connectTo3 = ioredisConnector({
      ...ACCESS,
      database: 3,
      username: 'signet',
      password: new Secret('a-password-of-a-test'),
    })
    let readied = 0
    const link = connectTo3(
      { kind: 'server', host: '127.0.0.1', port: server.port },
      {
        onReady: () => {
          readied += 1
        },
        onLost: () => {},
      },
    )
    await until('it is refused', async () => {
      expect([link.ready, readied]).toEqual([false, 0])
      return link.trouble?.kind === 'rejected'
    })
    expect(await link.send([{ name: 'SET', args: ['k', 'v'] }])).toMatchObject([{ kind: 'unsent' }])
    await server.command('ACL', 'SETUSER', 'signet', '+select')
    await untilReady(link)
    await link.send([{ name: 'SET', args: ['k', 'v'] }])
    await link.close()
    expect(Object.keys(await server.info('keyspace'))).toEqual(['db3'])
  })

  it('comes back when it was dropped while it asked a sentinel for the master', async () => {
    await using group = await openSentinelGroup({ replicas: 1 })
    await using sentinel = await openFaultProxy({ targetPort: group.sentinels[0]?.port ?? 0 })
    const nodes = [{ host: '127.0.0.1', port: sentinel.port }]
    const link = connect({ kind: 'sentinel', nodes, name: group.name }, events)
    await untilReady(link)
    await sentinel.setMode('hold')
    sentinel.resetCounts()
    const master = await group.currentMaster()
    await master.command('CLIENT', 'KILL', 'TYPE', 'normal')
    await until('it asks the sentinel', async () => sentinel.connectionsOpened > 0)
    link.reconnect()
    await sentinel.setMode('pass')
    await untilReady(link)
    const [result] = await link.send([{ name: 'PING', args: [] }])
    await link.close()
    expect(result).toEqual({ kind: 'reply', reply: 'PONG' })
  })

  it('a lost connection is no rejection: somebody was there and had let us in', async () => {
    await using server = await openRedisServer()
    const link = connect({ kind: 'server', host: '127.0.0.1', port: server.port }, events)
    await untilReady(link)
    const troubles: (string | undefined)[] = []
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal')
    await until('it is lost', async () => !link.ready)
    troubles.push(link.trouble?.kind)
    await untilReady(link)
    await link.close()
    expect(troubles).not.toContain('rejected')
  })

  it('keeps its connection for as long as a command may take', async () => {
    await using server = await openRedisServer()
    const link = connect({ kind: 'server', host: '127.0.0.1', port: server.port }, events)
    await untilReady(link)
    // There is no replica: the server is silent for all of that time.
    const [slow] = await link.send([{ name: 'WAIT', args: [1, 1_300] }])
    await link.close()
    expect(slow).toEqual({ kind: 'reply', reply: 0 })
  })

  it('sends a command of any length, and answers with an error where it cannot, never by a throw', async () => {
    await using server = await openRedisServer()
    const link = connect({ kind: 'server', host: '127.0.0.1', port: server.port }, events)
    await untilReady(link)
    const args = Array.from({ length: 200_000 }, (_, n) => `key-${n}`)
    const [long] = await link.send([{ name: 'EXISTS', args }])
    const unwritable = {
      toString() {
        throw new Error('no text')
      },
    } as unknown as string
    const odd = await link.send([
      { name: 'PING', args: [] },
      { name: 'GET', args: [unwritable] },
    ])
    await until('it answers again, and to what it was asked', async () => {
      const [next] = await link.send([{ name: 'ECHO', args: ['next'] }])
      return next?.kind === 'reply' && next.reply === 'next'
    })
    await link.close()
    expect(long).toEqual({ kind: 'reply', reply: 0 })
    expect(odd.map(({ kind }) => kind)).toEqual(['unanswered', 'unanswered'])
  })

  it('TLS to an address is checked against the certificate, and makes no noise', async () => {
    await using server = await openRedisServer({ tls: true })
    const warnings: string[] = []
    const listen = (warning: Error) => void warnings.push(warning.message)
    process.on('warning', listen)
    const target = { kind: 'server', host: '127.0.0.1', port: server.port } as const
    const ca = server.ca ?? ''
    const links = ['127.0.0.1', undefined].map((servername) =>
      ioredisConnector({ ...ACCESS, tls: { ca, ...(servername && { servername }) } })(
        target,
        events,
      ),
    )
    const wrong = ioredisConnector({ ...ACCESS, tls: { ca, servername: '127.0.0.9' } })
    const refused = wrong(target, events)
    for (const link of links) await untilReady(link)
    await until('the other address is refused', async () => refused.trouble?.kind === 'rejected')
    for (const link of [...links, refused]) await link.close()
    process.off('warning', listen)
    expect(warnings).toEqual([])
  })
})
