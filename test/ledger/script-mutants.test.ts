import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RedisLink } from '../../src/ledger/redis/redis-link.ts'
import { wanted } from '../contract/ledger-commands.ts'
import { openRedisServer, type RedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { openReplication } from '../support/redis/replication.ts'
import { batchOf } from './batch-guarantees.ts'
import { openLink } from './redis-fixture.ts'
import { GUARANTEES, type Guarantee } from './script-guarantees.ts'
import { MUTANTS, type Mutant, mutated } from './script-mutants.ts'
import { openScripts, type ScriptTexts, TEXTS } from './scripts-under-test.ts'

/** Since then WAIT asks for the writes of its own connection, and not for all (release notes, 7.2). */
const OWN_WAIT_SINCE = 7.2

describeOnRedis('the scripts', (version) => {
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

  describe('guarantee', () => {
    it.each(Object.keys(GUARANTEES) as Guarantee[])('%s', async (name) => {
      await GUARANTEES[name](await openScripts(link, TEXTS))
    })
  })

  describe('guarantee, with a replica that has stopped,', () => {
    /** How many replicas a replay on a new connection hears of, for what never reached one. */
    async function heardOf(texts: ScriptTexts, command = wanted({ rid: 'up_1' })): Promise<number> {
      await using replication = await openReplication()
      const { master, replicas } = replication
      await using links = new AsyncDisposableStack()
      const [first, second] = [await openLink(master.port), await openLink(master.port)]
      links.defer(() => first.close())
      links.defer(() => second.close())
      const scripts = await openScripts(first, texts)
      await replication.waitUntilSynced()
      for (const replica of replicas) await replica.kill('SIGSTOP')
      expect(await scripts.admit(command)).toMatchObject({ code: 'OK' })
      const others = await openScripts(second, texts, { empty: false })
      expect(await others.admit(command)).toMatchObject({ code: 'EXISTS' })
      return Number(await others.run('WAIT', 1, 100))
    }

    it('that no replay is acknowledged before its reservation is', async () => {
      expect(await heardOf(TEXTS)).toBe(0)
      expect(await heardOf(TEXTS, batchOf(['up_1', 'up_2', 'up_3']))).toBe(0)
    })

    if (Number.parseFloat(version) < OWN_WAIT_SINCE) return
    it('nothing of it without the write of a replay', async () => {
      const mutant = MUTANTS.find(({ without }) => without === 'the write of a replay')
      expect(await heardOf(mutated(TEXTS, mutant as Mutant))).toBe(1)
    })
  })

  describe('guarantee nothing', () => {
    it.each(MUTANTS)('without $without in $script: not that "$falls"', async (mutant) => {
      const scripts = await openScripts(link, mutated(TEXTS, mutant))
      // An assertion of the guarantee itself, and not some other failure.
      await expect(GUARANTEES[mutant.falls](scripts)).rejects.toMatchObject({
        name: 'AssertionError',
      })
    })
  })
})
