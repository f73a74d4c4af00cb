import { expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { epochKey } from '../../src/ledger/redis/keys.ts'
import { openRedisLedger } from '../../src/ledger/redis/redis.ts'
import { createLogger } from '../../src/log.ts'
import { ioredisConnector } from '../../src/runtime/ioredis-link.ts'
import { wanted } from '../contract/ledger-commands.ts'
import { openFaultProxy } from '../support/redis/fault-proxy.ts'
import { openRedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { until } from '../support/until.ts'
import { ACCESS, initialise, settingsFor } from './redis-fixture.ts'

describeOnRedis('a gateway that is led to another installation', () => {
  it('harms nothing there, grants nothing, and goes on when it is led back', async () => {
    await using closing = new AsyncDisposableStack()
    const own = closing.use(await openRedisServer({ appendOnly: 'always' }))
    const other = closing.use(await openRedisServer({ appendOnly: 'always' }))
    await initialise(own.port)
    await initialise(other.port, { salt: 'salt-of-the-other' })
    const proxy = await openFaultProxy({ targetPort: own.port })
    closing.defer(proxy.close)
    const log: string[] = []
    const ledger = await openRedisLedger({
      settings: settingsFor(proxy, { durability: 'disk' }),
      connect: ioredisConnector(ACCESS),
      clock: systemClock,
      schedule: (run) => void setImmediate(run),
      log: createLogger({ write: (line) => void log.push(line), clock: systemClock }),
    })
    closing.defer(() => ledger.close())
    expect(await ledger.admit(wanted({ rid: 'up_1' }))).toMatchObject({ code: 'OK' })
    const before = await other.command('GET', epochKey(0))
    const keysBefore = await other.command('DBSIZE')

    proxy.targetPort = other.port
    await proxy.setMode('reset')
    await proxy.setMode('pass')
    const said = () => log.some((line) => line.includes('another installation'))
    await until('the log says so', async () => said())
    await expect(ledger.admit(wanted({ rid: 'up_2' }))).rejects.toMatchObject({
      code: 'LedgerUnavailable',
    })
    expect(await other.command('GET', epochKey(0))).toBe(before)
    expect(await other.command('DBSIZE')).toBe(keysBefore)

    proxy.targetPort = own.port
    await proxy.setMode('reset')
    await proxy.setMode('pass')
    const again = () => ledger.admit(wanted({ rid: 'up_3' })).catch(() => undefined)
    await until('the ledger is back', async () => (await again())?.code !== undefined)
    expect(await ledger.find({ partition: 0, rid: 'up_1' })).toMatchObject({ state: 'P' })
  })
})
