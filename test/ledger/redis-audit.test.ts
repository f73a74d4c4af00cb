import { afterAll, beforeAll, expect, it } from 'vitest'
import { packNumbers, unpackSubject } from '../../src/ledger/redis/codec.ts'
import { indexKey, recordKey, subjectKey } from '../../src/ledger/redis/keys.ts'
import type { RedisLink } from '../../src/ledger/redis/redis-link.ts'
import { auditContract } from '../contract/ledger-audit.contract.ts'
import { reserve, stored, USER } from '../contract/reservation-commands.ts'
import { openRedisServer, type RedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { openLink, openRedisFixture } from './redis-fixture.ts'

describeOnRedis('the auditor on a real Redis', () => {
  let server: RedisServer
  let link: RedisLink
  beforeAll(async () => {
    server = await openRedisServer()
    link = await openLink(server.port)
  })
  afterAll(async () => {
    await link.close()
    await server.close()
  })

  async function bytesAt(key: string): Promise<Uint8Array> {
    const [result] = await link.send([{ name: 'GET', args: [key], binary: true }])
    if (result?.kind !== 'reply' || !(result.reply instanceof Uint8Array)) throw new Error(key)
    return result.reply
  }

  const send = async (name: string, ...args: (string | number | Uint8Array)[]) => {
    await link.send([{ name, args }])
  }

  const damageCounter =
    (offset: number) => async (subject: string, limitId: number, window: number, value: number) => {
      const key = subjectKey(0, subject)
      const state = [...unpackSubject(await bytesAt(key))]
      for (let at = 2 + 2 * (state[1] ?? 0); at < state.length; at += 4) {
        if (state[at] === limitId && state[at + 1] === window) state[at + offset] = value
      }
      await send('SET', key, packNumbers(state))
    }

  auditContract('redis', async () => {
    const fixture = await openRedisFixture(server, Date.now())
    return {
      ledger: fixture.ledger,
      nowMs: fixture.nowMs,
      advance: fixture.advance,
      close: () => fixture.ledger.close(),
      damage: {
        setPending: damageCounter(3),
        setPosted: damageCounter(2),
        dropFromIndex: (rid) => send('ZREM', indexKey(0), rid),
        addStray: (rid) => send('ZADD', indexKey(0), 0, rid),
        loseSubject: (subject) => send('DEL', subjectKey(0, subject)),
        breakSubject: (subject) => send('SET', subjectKey(0, subject), 'nonsense'),
        breakRecord: (rid) => send('SET', recordKey(0, rid), 'nonsense'),
        rawSubject: async (subject) => String(await bytesAt(subjectKey(0, subject))),
      },
    }
  })

  it('names keys of another type and leaves them as they are', async () => {
    await using fixture = await openRedisFixture(server, Date.now())
    const asked = [{ subject: USER, quotas: [stored(1, 10)] }]
    await fixture.ledger.admit(reserve('up_1', asked))
    await send('HSET', subjectKey(0, 'u-foreign'), 'a', 'b')
    const audit = await fixture.ledger.audit({ partition: 0, repair: true })
    expect(audit.unreadable).toEqual([{ name: subjectKey(0, 'u-foreign'), reason: 'is a hash' }])
    expect(await server.command('HGET', subjectKey(0, 'u-foreign'), 'a')).toBe('b')
  })

  it('takes an empty server for one that has lost its data, not for one in which all is well', async () => {
    await using fixture = await openRedisFixture(server, Date.now())
    await server.command('FLUSHALL')
    const audit = fixture.ledger.audit({ partition: 0, repair: true })
    await expect(audit).rejects.toMatchObject({ code: 'LedgerUnavailable' })
  })
})
