import { expect, it } from 'vitest'
import { until } from '../until.ts'
import { openFaultProxy } from './fault-proxy.ts'
import { openRawClient, type RawClient } from './raw-client.ts'
import { openRedisServer } from './redis-server.ts'
import { describeOnRedis } from './redis-under-test.ts'
import { sendCommand } from './resp-client.ts'

/** A Redis, a proxy before it, and one connection through the proxy. */
async function openScene() {
  await using opened = new AsyncDisposableStack()
  const redis = opened.use(await openRedisServer())
  const proxy = opened.use(await openFaultProxy({ targetPort: redis.port }))
  const client = await openRawClient(proxy.port)
  opened.defer(() => {
    client.socket.destroy()
  })
  const closing = opened.move()
  return { redis, proxy, client, [Symbol.asyncDispose]: () => closing.disposeAsync() }
}

async function ask(client: RawClient, command: string, reply: string): Promise<void> {
  const before = client.received().length
  client.socket.write(`${command}\r\n`)
  await until(`"${command}" is answered`, async () => client.received().length > before)
  expect(client.received().slice(before)).toBe(`${reply}\r\n`)
}

const untilEnded = (client: RawClient) => until('the end', async () => client.ended())

describeOnRedis('a fault proxy', () => {
  it('counts an answer in many chunks as one round trip', async () => {
    await using scene = await openScene()
    const { redis, proxy } = scene
    await redis.command('SETRANGE', 'big', 1_000_000, 'end')
    expect(await sendCommand(proxy, ['GET', 'big'])).toHaveLength(1_000_003)
    const { replyChunks, roundTrips } = proxy.traffic()
    expect(replyChunks).toBeGreaterThan(1)
    expect(roundTrips).toBe(1)
  })

  it('passes, and counts a pipeline that is answered at once as one round trip', async () => {
    await using scene = await openScene()
    const { proxy, client } = scene
    await ask(client, 'INCR n', ':1')
    await ask(client, 'INCR n\r\nINCR n\r\nINCR n', ':2\r\n:3\r\n:4')
    expect(proxy.traffic()).toEqual({
      requestChunks: 2,
      requestBytes: 32,
      replyChunks: 2,
      replyBytes: 16,
      roundTrips: 2,
    })
    expect(proxy.connectionsOpened).toBe(1)
    proxy.resetCounts()
    await ask(client, 'GET n', '$1\r\n4')
    expect(proxy.trafficByConnection()).toMatchObject([{ roundTrips: 1, requestChunks: 1 }])
    expect(proxy.connectionsOpened).toBe(0)
  })

  it('refuses new connections, resets those it has, and listens again on its port', async () => {
    await using scene = await openScene()
    const { proxy, client } = scene
    await ask(client, 'PING', '+PONG')
    await proxy.setMode('refuse')
    expect(await untilEnded(client)).toBe('ECONNRESET')
    await expect(sendCommand(proxy, ['PING'])).rejects.toThrow('ECONNREFUSED')
    await proxy.setMode('pass')
    expect(await sendCommand(proxy, ['PING'])).toBe('PONG')
  })

  it('resets new connections and those it has', async () => {
    await using scene = await openScene()
    const { proxy, client } = scene
    await proxy.setMode('reset')
    expect(await untilEnded(client)).toBe('ECONNRESET')
    await expect(sendCommand(proxy, ['PING'])).rejects.toThrow(/ECONNRESET|closed/)
  })

  it('swallows requests in a black hole, and resets who spoke into it when it heals', async () => {
    await using scene = await openScene()
    const { redis, proxy, client } = scene
    const silent = await openRawClient(proxy.port)
    await proxy.setMode('blackhole')
    client.socket.write('INCR n\r\n')
    await expect(sendCommand(proxy, ['INCR', 'n'], 100)).rejects.toThrow('no answer')
    await proxy.setMode('pass')
    expect(await untilEnded(client)).toBe('ECONNRESET')
    await ask(silent, 'PING', '+PONG')
    expect(await redis.command('GET', 'n')).toBe(null)
    silent.socket.destroy()
  })

  it('lets requests through and no answers, one way', async () => {
    await using scene = await openScene()
    const { redis, proxy, client } = scene
    await proxy.setMode('oneWay')
    client.socket.write('INCR n\r\n')
    await until('it is executed', async () => (await redis.command('GET', 'n')) === '1')
    await redis.kill()
    await redis.restart()
    expect([client.received(), client.ended()]).toEqual(['', undefined])
    await proxy.setMode('pass')
    expect(await untilEnded(client)).toBe('ECONNRESET')
  })

  it('delivers what it held after all, even when the client is gone', async () => {
    await using scene = await openScene()
    const { redis, proxy, client } = scene
    await proxy.setMode('hold')
    client.socket.write('INCR n\r\n')
    await expect(sendCommand(proxy, ['INCR', 'n'], 100)).rejects.toThrow('no answer')
    expect(await redis.command('GET', 'n')).toBe(null)
    await proxy.setMode('pass')
    await until('both are executed', async () => (await redis.command('GET', 'n')) === '2')
    await until('the answer comes', async () => /^:[12]\r\n$/.test(client.received()))
  })

  it('throws away what it held when it resets', async () => {
    await using scene = await openScene()
    const { redis, proxy, client } = scene
    await proxy.setMode('hold')
    client.socket.write('INCR n\r\n')
    await expect(sendCommand(proxy, ['INCR', 'n'], 100)).rejects.toThrow('no answer')
    await proxy.setMode('reset')
    expect(await untilEnded(client)).toBe('ECONNRESET')
    expect(await redis.command('GET', 'n')).toBe(null)
  })

  it('delays each way, in order', async () => {
    await using scene = await openScene()
    const { proxy, client } = scene
    await proxy.setMode({ kind: 'latency', ms: 40, jitterMs: 10, lossRate: 0.2, lossHoldMs: 50 })
    const startedMs = performance.now()
    for (let n = 1; n <= 10; n += 1) client.socket.write(`INCR n\r\n`)
    await until('all are answered', async () => client.received().endsWith(':10\r\n'))
    expect(performance.now() - startedMs, `seed ${proxy.seed}`).toBeGreaterThanOrEqual(60)
    expect(client.received()).toBe([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => `:${n}\r\n`).join(''))
  })

  it('drops the answer to the request that matches, executed once, and then passes', async () => {
    await using scene = await openScene()
    const { redis, proxy, client } = scene
    await proxy.setMode({ kind: 'dropReply', when: /INCR n/ })
    await ask(client, 'PING', '+PONG')
    client.socket.write('INC')
    client.socket.write('R n\r\n')
    await untilEnded(client)
    expect(client.received()).toBe('+PONG\r\n')
    expect(proxy.faultsInjected).toBe(1)
    expect(proxy.mode.kind).toBe('pass')
    expect(await redis.command('GET', 'n')).toBe('1')
    expect(await sendCommand(proxy, ['INCR', 'n'])).toBe(2)
  })

  it('drops as many answers as it is told to', async () => {
    await using scene = await openScene()
    const { redis, proxy } = scene
    await proxy.setMode({ kind: 'dropReply', when: (bytes) => bytes.includes('INCR'), times: 2 })
    for (const _ of [1, 2]) {
      await expect(sendCommand(proxy, ['INCR', 'n'])).rejects.toThrow(/ECONNRESET|closed/)
    }
    expect(await sendCommand(proxy, ['INCR', 'n'])).toBe(3)
    expect(proxy.faultsInjected).toBe(2)
    expect(await redis.command('GET', 'n')).toBe('3')
  })

  it('cuts an answer in its middle', async () => {
    await using scene = await openScene()
    const { proxy, client } = scene
    await proxy.setMode('cutReply')
    client.socket.write('ECHO 0123456789\r\n')
    await untilEnded(client)
    expect(client.received()).toBe('$10\r\n0123')
  })

  it('ends the connection when its server dies', async () => {
    await using scene = await openScene()
    const { redis, client } = scene
    await ask(client, 'PING', '+PONG')
    await redis.kill()
    await untilEnded(client)
  })
})
