import { DatabaseSync } from 'node:sqlite'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { Ledger, ReserveCommand } from '../../src/ledger/port.ts'
import { openJournal } from '../../src/ledger/redis/journal.ts'
import { epochKey, recordKey } from '../../src/ledger/redis/keys.ts'
import { openRedisLedger } from '../../src/ledger/redis/redis.ts'
import { createLogger } from '../../src/log.ts'
import { ioredisConnector } from '../../src/runtime/ioredis-link.ts'
import type { SqlDatabase } from '../../src/sql-database.ts'
import { finishOf, wanted } from '../contract/ledger-commands.ts'
import { openRedisServer, type RedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { until } from '../support/until.ts'
import { initialise, settingsFor } from './redis-fixture.ts'

const PARTITION = 0
const HOUR_MS = 3_600_000
const ACCESS = { database: 0, tls: undefined, commandTimeoutMs: 2_000, connectTimeoutMs: 1_000 }
const RESERVE = wanted({ rid: 'up_1', bytes: 10, ttlMs: HOUR_MS })
const REF = { partition: PARTITION, rid: 'up_1' }
const schedule = (run: () => void) => void setImmediate(run)

/** A gateway's ledger of durability `async`, with its journal. */
interface Gateway {
  readonly ledger: Ledger
  readonly log: string[]
  /** From now on its journal takes nothing. */
  breakJournal(): void
}

describeOnRedis('a ledger with a journal', () => {
  let server: RedisServer
  const opened: Ledger[] = []
  beforeAll(async () => {
    server = await openRedisServer()
  })
  beforeEach(async () => {
    await server.command('FLUSHALL')
    await initialise(server.port)
  })
  afterEach(async () => {
    for (const ledger of opened.splice(0)) await ledger.close()
  })
  afterAll(() => server.close())

  async function openGateway(): Promise<Gateway> {
    const real = new DatabaseSync(':memory:')
    let broken = false
    const database: SqlDatabase = {
      exec(sql) {
        if (broken && sql.startsWith('BEGIN')) throw new Error('disk I/O error')
        real.exec(sql)
      },
      prepare: (sql) => real.prepare(sql),
      close: () => real.close(),
    }
    const log: string[] = []
    const ledger = await openRedisLedger({
      settings: settingsFor(server),
      connect: ioredisConnector(ACCESS),
      clock: systemClock,
      schedule,
      log: createLogger({ write: (line) => void log.push(line), clock: systemClock }),
      journal: openJournal({ database, retentionMs: 24 * HOUR_MS, schedule }),
    })
    opened.push(ledger)
    const breakJournal = () => {
      broken = true
    }
    return { ledger, log, breakJournal }
  }

  /** All reservations are gone and the epoch is a new one, as after a failover. */
  async function loseAll(): Promise<void> {
    for (const pattern of ['v:*', 'q:*', 'x:*']) {
      const keys = (await server.command('KEYS', pattern)) as string[]
      if (keys.length > 0) await server.command('DEL', ...keys)
    }
    await initialise(server.port, { acceptLoss: true })
  }

  /** Waits until a gateway has noticed, has put back what it has, and takes decisions again. */
  async function untilOpen({ ledger }: Gateway): Promise<void> {
    await until('the ledger decides', async () => {
      const look: ReserveCommand = wanted({ rid: 'up_look', user: 'u-other' })
      return (await ledger.admit({ ...look, op: 'Q' })).code === 'OK'
    })
  }

  const refused = expect.objectContaining({ code: 'LedgerUnavailable' })
  const replayable: ReserveCommand = { ...RESERVE, replayable: true }

  it('writes a replay down when who was first could not', async () => {
    const [first, second] = [await openGateway(), await openGateway()]
    first.breakJournal()
    await expect(first.ledger.admit(replayable)).rejects.toEqual(refused)
    const later = { ...replayable, hold: RESERVE.hold.with(2, 7) }
    expect(await second.ledger.admit(later)).toMatchObject({ code: 'EXISTS', state: 'P' })
    await loseAll()
    await untilOpen(second)
    expect(await second.ledger.find(REF)).toMatchObject({ state: 'P', hold: RESERVE.hold })
  })

  it('LedgerUnavailable: takes back what its journal could not take, for nobody has a URL', async () => {
    const gateway = await openGateway()
    gateway.breakJournal()
    await expect(gateway.ledger.admit(RESERVE)).rejects.toEqual(refused)
    await until('it is void', async () => (await gateway.ledger.find(REF))?.state === 'V')
  })

  it('LedgerUnavailable: leaves what a caller may repeat, for another gateway may have', async () => {
    const gateway = await openGateway()
    expect(await gateway.ledger.admit(replayable)).toMatchObject({ code: 'OK' })
    gateway.breakJournal()
    const other = { ...replayable, rid: 'up_2', fingerprint: 'fp of up_2' }
    await expect(gateway.ledger.admit(other)).rejects.toEqual(refused)
    // A look that comes after the void that there must not be.
    await gateway.ledger.claim({ partition: PARTITION, limit: 1, leaseMs: 1 })
    expect(await gateway.ledger.find({ ...REF, rid: 'up_2' })).toMatchObject({ state: 'P' })
  })

  const AMENDED = '{"replaces":"up_0"}'
  async function amend({ ledger }: Gateway): Promise<number> {
    const expMs = ((await ledger.find(REF))?.expMs ?? 0) + HOUR_MS
    const command = { ...finishOf(RESERVE, 'M'), note: AMENDED, expMs }
    expect(await ledger.finish(command)).toMatchObject({ code: 'OK' })
    return expMs
  }

  it('puts back an amended reservation as it was amended', async () => {
    const gateway = await openGateway()
    await gateway.ledger.admit(RESERVE)
    const expMs = await amend(gateway)
    await loseAll()
    await untilOpen(gateway)
    expect(await gateway.ledger.find(REF)).toMatchObject({ state: 'P', note: AMENDED, expMs })
  })

  it('puts back an amendment alone, when the reservation is there', async () => {
    const gateway = await openGateway()
    await gateway.ledger.admit(RESERVE)
    const key = recordKey(PARTITION, 'up_1')
    await server.command('COPY', key, 'test:before')
    const expMs = await amend(gateway)
    await server.command('COPY', 'test:before', key, 'REPLACE')
    await initialise(server.port, { acceptLoss: true })
    await untilOpen(gateway)
    expect(await gateway.ledger.find(REF)).toMatchObject({ state: 'P', note: AMENDED, expMs })
  })

  it('leaves a note that somebody else has written since', async () => {
    const [gateway, other] = [await openGateway(), await openGateway()]
    await gateway.ledger.admit(RESERVE)
    await amend(gateway)
    const note = '{"abort":true}'
    await other.ledger.finish({ ...finishOf(RESERVE, 'M'), note })
    await initialise(server.port, { acceptLoss: true })
    await untilOpen(gateway)
    expect(await gateway.ledger.find(REF)).toMatchObject({ state: 'P', note })
  })

  it('LedgerUnavailable: an amendment that its journal did not take', async () => {
    const gateway = await openGateway()
    await gateway.ledger.admit(RESERVE)
    gateway.breakJournal()
    const command = { ...finishOf(RESERVE, 'M'), note: AMENDED }
    await expect(gateway.ledger.finish(command)).rejects.toEqual(refused)
  })

  const RIDS = ['up_1', 'up_2', 'up_3']
  const BATCH: ReserveCommand = {
    ...wanted({ rid: 'up_1', bytes: 30, ttlMs: HOUR_MS }),
    each: RIDS.map((rid) => ({ rid, hold: RESERVE.hold, note: `{"own":"${rid}"}` })),
  }
  const namedAs = (rid: string) => ({ ...BATCH, rid })
  const statesOf = async ({ ledger }: Gateway) => {
    const found = await Promise.all(RIDS.map((rid) => ledger.find({ ...REF, rid })))
    return found.map((one) => one?.state)
  }

  it('puts every reservation of a batch back, each with its own hold and note', async () => {
    const gateway = await openGateway()
    expect(await gateway.ledger.admit(BATCH)).toMatchObject({ code: 'OK' })
    await gateway.ledger.finish(finishOf(namedAs('up_2'), 'V'))
    await loseAll()
    await untilOpen(gateway)
    for (const { rid, hold, note } of BATCH.each ?? []) {
      const found = await gateway.ledger.find({ ...REF, rid })
      expect(found).toMatchObject({ state: 'P', hold, note, fingerprint: BATCH.fingerprint })
    }
    const audit = await gateway.ledger.audit({ partition: PARTITION, repair: false })
    expect(audit).toMatchObject({ drifts: [], index: [], counts: { pending: 3 } })
  })

  it('LedgerUnavailable: takes a whole batch back that its journal could not take', async () => {
    const gateway = await openGateway()
    gateway.breakJournal()
    await expect(gateway.ledger.admit(BATCH)).rejects.toEqual(refused)
    const all = ['V', 'V', 'V']
    await until('all are void', async () => String(await statesOf(gateway)) === String(all))
  })

  it('writes down what is pending of a batch that comes again, though its first has ended', async () => {
    const [first, second] = [await openGateway(), await openGateway()]
    const again = { ...BATCH, replayable: true }
    first.breakJournal()
    await expect(first.ledger.admit(again)).rejects.toEqual(refused)
    await first.ledger.finish(finishOf(namedAs('up_1'), 'S', 10))
    expect(await second.ledger.admit(again)).toMatchObject({ code: 'EXISTS', state: 'S' })
    await loseAll()
    await untilOpen(second)
    expect(await statesOf(second)).toEqual([undefined, 'P', 'P'])
  })

  it('puts nothing back that has ended', async () => {
    const gateway = await openGateway()
    await gateway.ledger.admit(RESERVE)
    expect(await gateway.ledger.finish(finishOf(RESERVE, 'S', 10))).toMatchObject({ code: 'OK' })
    await initialise(server.port, { acceptLoss: true })
    await untilOpen(gateway)
    expect(await gateway.ledger.find(REF)).toMatchObject({ state: 'S', actual: 10 })
    expect(gateway.log.join('')).not.toContain('ledger.restated')
  })

  it('LedgerUnavailable: an adjustment while reservations are being put back', async () => {
    const gateway = await openGateway()
    const text = String(await server.command('GET', epochKey(PARTITION)))
    const farMs = Date.UTC(2100, 0, 1)
    await server.command('SET', epochKey(PARTITION), `r:${text}:${farMs}`)
    const adjustment = finishOf(wanted({ rid: 'adj_1' }), 'A')
    await expect(gateway.ledger.finish(adjustment)).rejects.toEqual(refused)
    await expect(gateway.ledger.finish(adjustment)).rejects.toEqual(refused)
  })

  it('decides in other partitions while one has much to put back, which opens when all is there', async () => {
    const gateway = await openGateway()
    const many = wanted({ ttlMs: HOUR_MS, burst: 3_000 })
    const rids = Array.from({ length: 2_000 }, (_, n) => `up_${n}`)
    const replies = await Promise.all(rids.map((rid) => gateway.ledger.admit({ ...many, rid })))
    expect(new Set(replies.map(({ code }) => code))).toEqual(new Set(['OK']))
    await loseAll()
    const elsewhere = { ...wanted({ rid: 'up_else' }), partition: 1 }
    expect(await gateway.ledger.admit(elsewhere)).toMatchObject({ code: 'OK' })
    expect(gateway.log.join('')).not.toContain('ledger.restated')
    await untilOpen(gateway)
    expect(gateway.log.join('')).toMatch(/"ledger.restated","reservations":2000/)
    const keys = (await server.command('KEYS', `${recordKey(PARTITION, '')}up_*`)) as string[]
    expect(keys).toHaveLength(2_000)
  })

  it('closes the journal of a start that is refused', async () => {
    await using unfit = await openRedisServer({ maxmemoryPolicy: 'allkeys-lru' })
    const database = new DatabaseSync(':memory:')
    const opening = openRedisLedger({
      settings: settingsFor(unfit),
      connect: ioredisConnector(ACCESS),
      clock: systemClock,
      schedule,
      log: createLogger({ write: () => {}, clock: systemClock }),
      journal: openJournal({ database, retentionMs: 24 * HOUR_MS, schedule }),
    })
    await expect(opening).rejects.toEqual(refused)
    expect(database.isOpen).toBe(false)
  })
})
