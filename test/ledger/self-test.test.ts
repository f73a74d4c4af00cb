import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { auditSelfTest } from '../../src/audit/redis.ts'
import { systemClock } from '../../src/clock.ts'
import { openRedisLedger } from '../../src/ledger/redis/redis.ts'
import { scriptTexts } from '../../src/ledger/redis/scripts/load-scripts.ts'
import { createLogger } from '../../src/log.ts'
import { ioredisConnector } from '../../src/runtime/ioredis-link.ts'
import { Secret } from '../../src/secret.ts'
import { openRedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { settingsFor } from './redis-fixture.ts'

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const RULES_ALONE = (/^user signet on >PASSWORD (.+)$/m.exec(README)?.[1] ?? '').split(' ')
const RULES_OF_AUDIT = (/`audit\.redis` add `(.+?)`/.exec(README)?.[1] ?? '').split(' ')
const RULES = [...RULES_ALONE, ...RULES_OF_AUDIT]
/** What is asked for without need. */
const DISPENSABLE = ['resetchannels', '-@all', '+config|get', '+client|setname']

/** Commands that a script calls. */
function commandsIn(lua: string): Set<string> {
  return new Set(
    [...lua.matchAll(/(?:redis\.call|try)\('([A-Z]+)'/g)].map(([, name]) => name ?? ''),
  )
}

describe('the probe of permissions', () => {
  it('tries each command that the other scripts call', () => {
    const { probe, ...others } = scriptTexts()
    const tried = commandsIn(probe)
    const called = Object.values(others).flatMap((text) => [...commandsIn(text)])
    expect(called.filter((name) => !tried.has(name))).toEqual([])
    expect(called.length).toBeGreaterThan(10)
  })
})

describeOnRedis('opening a ledger as a user that lacks something', () => {
  it('is refused for every single rule of the README, with its name, and leaves nothing', async () => {
    const password = 'a-password-of-a-test'
    await using server = await openRedisServer({
      users: [`user signet on >${password} ${RULES.join(' ')}`],
    })
    const settings = settingsFor(server, { durability: 'strict', replicas: 0 })
    const open = (alsoTested = auditSelfTest('021')) =>
      openRedisLedger({
        settings: { ...settings, alsoTested },
        connect: ioredisConnector({
          username: 'signet',
          password: new Secret(password),
          database: 0,
          tls: undefined,
          commandTimeoutMs: 2_000,
          connectTimeoutMs: 1_000,
        }),
        clock: systemClock,
        schedule: (run) => void setImmediate(run),
        log: createLogger({ write: () => {}, clock: systemClock }),
      })
    const needed = RULES.filter((rule) => !DISPENSABLE.includes(rule))
    expect(needed.length).toBeGreaterThan(20)
    for (const rule of needed) {
      const others = RULES.filter((each) => each !== rule)
      await server.command('ACL', 'SETUSER', 'signet', 'resetkeys', 'nocommands', ...others)
      const refusal = await open().then(
        async (ledger) => {
          await ledger.close()
          return 'opened'
        },
        (error: Error) => error.message,
      )
      expect({ rule, refusal }).toMatchObject({
        refusal: expect.stringMatching(/lacks a permission/),
      })
    }
    await server.command('ACL', 'SETUSER', 'signet', ...RULES)
    await (await open()).close()
    // Who has no audit log there needs nothing for it.
    await server.command('ACL', 'SETUSER', 'signet', 'resetkeys', 'nocommands', ...RULES_ALONE)
    await (await open([])).close()
    expect(await server.info('keyspace')).toEqual({})
  })
})
