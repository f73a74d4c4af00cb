import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { until } from '../until.ts'
import { openRedisServer } from './redis-server.ts'
import { describeOnRedis } from './redis-under-test.ts'
import { sendCommand } from './resp-client.ts'

describeOnRedis('a Redis server of a test', () => {
  it('answers on its own port with the settings that the ledger demands', async () => {
    await using redis = await openRedisServer()
    expect(redis.port).toBeLessThan(32_000)
    expect(redis.url).toBe(`redis://127.0.0.1:${redis.port}`)
    expect(await redis.command('CONFIG', 'GET', 'maxmemory-policy')).toEqual([
      'maxmemory-policy',
      'noeviction',
    ])
    expect(await redis.info('persistence')).toMatchObject({ loading: '0', aof_enabled: '0' })
    expect(await redis.info('server')).toMatchObject({ process_id: String(redis.pid) })
  })

  it('hands over every kind of reply, and throws what Redis calls an error', async () => {
    await using redis = await openRedisServer()
    const script = "return {1, 'ü\\r\\n', false, {redis.error_reply('NO way')}, {}}"
    const reply = await redis.command('EVAL', script, 0)
    expect(reply).toMatchObject([1, 'ü\r\n', null, [{ message: 'NO way' }], []])
    const big = 'x'.repeat(300_000)
    await redis.command('SET', 'big', big)
    expect(await redis.command('GET', 'big')).toBe(big)
    await expect(redis.command('INCR', 'big')).rejects.toThrow('ERR value is not an integer')
  })

  it('forgets everything when it is killed, and nothing with an append-only file', async () => {
    await using forgetful = await openRedisServer()
    await using durable = await openRedisServer({ appendOnly: 'always' })
    for (const redis of [forgetful, durable]) {
      await redis.command('SET', 'key', 'value')
      const { pid } = redis
      await redis.kill()
      expect(redis.isRunning).toBe(false)
      await expect(redis.command('PING')).rejects.toThrow('ECONNREFUSED')
      await redis.restart()
      expect(redis.pid).not.toBe(pid)
    }
    expect(await forgetful.command('GET', 'key')).toBe(null)
    expect(await durable.command('GET', 'key')).toBe('value')
  })

  it('stops under SIGSTOP and goes on under SIGCONT', async () => {
    await using redis = await openRedisServer()
    await redis.kill('SIGSTOP')
    const waiting = sendCommand(redis, ['INCR', 'key'], 5_000)
    await expect(sendCommand(redis, ['PING'], 50)).rejects.toThrow('no answer within 50 ms')
    await redis.kill('SIGCONT')
    expect(await waiting).toBe(1)
  })

  it('shows the recipes for OOM, BUSY, LOADING and MISCONF', async () => {
    await using redis = await openRedisServer({ save: '3600 1' })
    await redis.command('CONFIG', 'SET', 'maxmemory', 1)
    await expect(redis.command('SET', 'key', 'value')).rejects.toThrow(/^OOM /)
    await redis.command('CONFIG', 'SET', 'maxmemory', 0)

    const endless = redis.command('EVAL', 'while true do end', 0)
    const killed = expect(endless).rejects.toThrow('Script killed')
    await expect.poll(() => redis.command('PING').catch(String), { timeout: 5_000 }).toMatch(/BUSY/)
    await redis.command('SCRIPT', 'KILL')
    await killed

    await redis.command('DEBUG', 'POPULATE', 20_000)
    await redis.command('SAVE')
    const slowly = ['--key-load-delay', '200', '--loading-process-events-interval-bytes', '1024']
    await redis.restart({ arguments: slowly, until: 'answering' })
    await expect(redis.command('GET', 'key')).rejects.toThrow(/^LOADING /)
    await redis.restart()
    expect(await redis.command('DBSIZE')).toBe(20_000)

    await rm(redis.directory, { recursive: true })
    await redis.command('BGSAVE')
    await expect
      .poll(() => redis.command('SET', 'key', 'value').catch(String), { timeout: 5_000 })
      .toMatch(/MISCONF/)
  })

  it('lets in who knows the password or has an ACL user, and nobody else', async () => {
    await using closed = await openRedisServer({ password: 'p:ss word' })
    expect(closed.url).toContain('redis://:p%3Ass%20word@')
    expect(await closed.command('PING')).toBe('PONG')
    await expect(sendCommand({ port: closed.port }, ['PING'])).rejects.toThrow(/^NOAUTH /)

    const users = ['user default off', 'user signet on >secret ~q:* +get']
    await using listed = await openRedisServer({ users })
    const signet = { port: listed.port, credential: { username: 'signet', password: 'secret' } }
    expect(await sendCommand(signet, ['GET', 'q:1'])).toBe(null)
    await expect(sendCommand(signet, ['GET', 'v:1'])).rejects.toThrow(/^NOPERM /)
    await expect(sendCommand({ port: listed.port }, ['PING'])).rejects.toThrow(/^NOAUTH /)
    expect(await listed.command('PING')).toBe('PONG')
  })

  it('speaks TLS alone when told so, to who trusts its certificate', async () => {
    await using redis = await openRedisServer({ tls: true })
    expect(redis.url).toBe(`rediss://127.0.0.1:${redis.port}`)
    expect(await redis.command('PING')).toBe('PONG')
    await expect(sendCommand({ port: redis.port }, ['PING'])).rejects.toThrow(/ECONNRESET|closed/)
  })

  it('ends with the process that opened it, even when that one is killed', async () => {
    const module = new URL('./redis-server.ts', import.meta.url).href
    const program = `
      const { openRedisServer } = await import(${JSON.stringify(module)})
      const { pid, port } = await openRedisServer()
      console.log(JSON.stringify({ pid, port }))
      setInterval(() => {}, 1_000)`
    const owner = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line]: unknown[] = await once(owner.stdout, 'data')
    const { pid, port } = JSON.parse(String(line))
    expect(await sendCommand({ port }, ['PING'])).toBe('PONG')
    owner.kill('SIGKILL')
    await until('the server has ended', async () => !isAlive(pid))
    await expect(sendCommand({ port }, ['PING'])).rejects.toThrow('ECONNREFUSED')
  })

  it('says with its log why it does not start', async () => {
    const open = openRedisServer({ settings: ['maxmemory-policy sometimes'] })
    await expect(open).rejects.toThrow(/Cannot start Redis[\s\S]*maxmemory-policy/)
  })
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
