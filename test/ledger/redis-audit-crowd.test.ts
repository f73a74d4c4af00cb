import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Ledger } from '../../src/ledger/port.ts'
import { packNumbers, unpackSubject } from '../../src/ledger/redis/codec.ts'
import { subjectKey } from '../../src/ledger/redis/keys.ts'
import type { RedisLink } from '../../src/ledger/redis/redis-link.ts'
import { ref, TENANT, USER } from '../contract/reservation-commands.ts'
import { openRedisServer, type RedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import {
  addPending,
  addTombstones,
  besideDecisions,
  hide,
  openGatewayLedger,
  upload,
} from './crowded-partition.ts'
import { initialise, openLink } from './redis-fixture.ts'

const ENDED = 60_000
const PENDING = 2_000
const MANY_MS = 60_000
const CLEAN = { drifts: [], index: [], negative: [], unreadable: [] }

describeOnRedis('the auditor, in a partition that holds many', () => {
  let server: RedisServer
  let link: RedisLink
  let ledger: Ledger
  beforeAll(async () => {
    server = await openRedisServer()
    link = await openLink(server.port)
    await initialise(server.port)
    ledger = await openGatewayLedger(server)
    await addTombstones(link, { count: ENDED, owner: TENANT })
    await addPending(ledger, PENDING)
  }, MANY_MS)
  afterAll(async () => {
    await ledger.close()
    await link.close()
    await server.close()
  })

  const audit = (repair = false) => ledger.audit({ partition: 0, repair })

  it(
    'counts what is pending among all that has ended, and decisions go on meanwhile',
    async () => {
      const { result, failed, waitsMs } = await besideDecisions(ledger, audit())
      expect(result).toMatchObject({ ...CLEAN, counts: { pending: PENDING, subjects: 1 } })
      expect(failed).toEqual([])
      expect(waitsMs.length).toBeGreaterThan(10)
    },
    MANY_MS,
  )

  it(
    'finds and mends what is wrong, while others decide',
    async () => {
      const key = subjectKey(0, USER)
      const [raw] = await link.send([{ name: 'GET', args: [key], binary: true }])
      if (raw?.kind !== 'reply') throw new Error(key)
      const state = [...unpackSubject(raw.reply as Uint8Array)]
      await link.send([{ name: 'SET', args: [key, packNumbers(state.with(-1, PENDING + 7))] }])
      await hide(link, 'up_pending_5')
      const { result, failed } = await besideDecisions(ledger, audit(true))
      expect(result.drifts).toMatchObject([{ pending: PENDING + 7, held: PENDING, repaired: true }])
      expect(result.index).toEqual([{ rid: 'up_pending_5', what: 'missing', repaired: true }])
      expect(failed).toEqual([])
      expect(await audit()).toMatchObject(CLEAN)
    },
    MANY_MS,
  )

  it(
    'takes no change for a drift, and repairs none, in a subject that is used all the while',
    async () => {
      for (const repair of [false, true]) {
        const { result, failed } = await besideDecisions(ledger, audit(repair), 0)
        expect(result).toMatchObject(CLEAN)
        expect(failed).toEqual([])
      }
      // Uploads of one slot, one at a time: the counter looks the same whenever it is read.
      let working = true
      const looked = (async () => {
        for (let n = 0; n < 3; n += 1) expect(await audit(true)).toMatchObject(CLEAN)
        working = false
      })()
      for (let n = 0; working; n += 1) {
        const command = upload(`up_turn_${n}`, 0, TENANT)
        await ledger.admit(command)
        await ledger.finish({ ...ref(command), op: 'V' })
      }
      await looked
      expect(await audit()).toMatchObject(CLEAN)
    },
    MANY_MS,
  )
})
