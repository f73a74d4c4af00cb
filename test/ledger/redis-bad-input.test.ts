import { Encoder } from '@msgpack/msgpack'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import {
  epochKey,
  indexKey,
  MEMBERS_KEY,
  META_KEY,
  recordKey,
  subjectKey,
} from '../../src/ledger/redis/keys.ts'
import { finishOf, START_MS, wanted } from '../contract/ledger-commands.ts'
import { openRedisServer, type RedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { openRedisFixture, type RedisFixture } from './redis-fixture.ts'

const PARTITION = 0
const USER = 'u-alice'
const SUBJECT = subjectKey(PARTITION, USER)
const RECORD = recordKey(PARTITION, 'up_1')
const INDEX = indexKey(PARTITION)
/** Values as the ledger stores them: one after the other. */
const pack = (...values: unknown[]) =>
  Buffer.concat(values.map((value) => Buffer.from(new Encoder().encode(value))))
const WINDOW = START_MS / 60_000
/** A counter as somebody may have left it. */
type Counter = Partial<Record<'id' | 'window' | 'posted' | 'pending', number | string>>
const RESERVE = wanted({ rid: 'up_1', user: USER, bytes: 10 })
const CLAIM = { partition: PARTITION, limit: 10, leaseMs: 30_000 }

describeOnRedis('a key that is not what the ledger writes', () => {
  let server: RedisServer
  let opened: RedisFixture
  beforeAll(async () => {
    server = await openRedisServer()
  })
  afterEach(() => opened[Symbol.asyncDispose]())
  afterAll(() => server.close())

  /** A ledger with one pending reservation, and what somebody wrote over a key since. */
  async function spoilt(key: string, write: (key: string) => (string | Buffer)[]) {
    opened = await openRedisFixture(server, START_MS)
    expect(await opened.ledger.admit(RESERVE)).toMatchObject({ code: 'OK' })
    await server.command('DEL', key)
    await server.command(...write(key))
    return opened
  }

  const dumpAll = async () => {
    const keys = (await server.command('KEYS', '*')) as string[]
    // DUMP is no text, and its digest says as much.
    const dumps = keys
      .filter((key) => !key.startsWith('test:'))
      .sort((a, b) => (a < b ? -1 : 1))
      .map(async (key) => `${key} ${await server.command('DEBUG', 'DIGEST-VALUE', key)}`)
    return Promise.all(dumps)
  }

  async function expectRefused(work: Promise<unknown>, key: string, why: RegExp) {
    const error = await work.then(
      (reply) => expect.fail(`was answered: ${JSON.stringify(reply)}`),
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(GatewayError)
    const { code, details } = error as GatewayError
    expect(code).toBe('LedgerUnavailable')
    expect(details.facts).toMatchObject({ key, why: expect.stringMatching(why) })
  }

  function expectLogged(key: string) {
    const lines = opened.log
      .map((line) => JSON.parse(line))
      .filter(({ level, event }) => level === 'error' && event !== 'ledger.fenced')
    expect(lines.map((line) => [line.event, line.key])).toEqual([['ledger.unreadable', key]])
  }

  const again = wanted({ rid: 'up_2', user: USER, bytes: 10 })
  const charge = { ...again, op: 'C', hold: [0], check: RESERVE.check.slice(0, 6) } as const
  /** The record that is spoilt is its last. */
  const batch = {
    ...again,
    each: [
      { ...again, note: '{}' },
      { rid: RESERVE.rid, hold: again.hold.with(3, 0).with(7, 0), note: '{}' },
    ],
  }
  const ops = {
    reserve: () => opened.ledger.admit(again),
    look: () => opened.ledger.admit({ ...again, op: 'Q' }),
    charge: () => opened.ledger.admit(charge),
    batch: () => opened.ledger.admit(batch),
    replay: () => opened.ledger.admit(RESERVE),
    settle: () => opened.ledger.finish(finishOf(RESERVE, 'S', 10)),
    void: () => opened.ledger.finish(finishOf(RESERVE, 'V')),
    amend: () => opened.ledger.finish(finishOf(RESERVE, 'M')),
    late: () => opened.ledger.finish(finishOf(RESERVE, 'L', 10)),
    gone: () => opened.ledger.finish(finishOf(RESERVE, 'G')),
    reassert: () => opened.ledger.finish(finishOf(RESERVE, 'A')),
    find: () => opened.ledger.find(RESERVE),
    claim: () => opened.ledger.claim(CLAIM),
    list: () =>
      opened.ledger.list({
        partition: PARTITION,
        owner: USER,
        states: ['P'],
        ridPrefix: 'up_',
        limit: 10,
      }),
  }
  type Op = keyof typeof ops

  const hash = (key: string) => ['HSET', key, 'field', 'value']
  const text = (value: string | Buffer) => (key: string) => ['SET', key, value]
  const SUBJECT_OPS: Op[] = ['reserve', 'look', 'charge', 'settle', 'void']
  const RECORD_OPS: Op[] = [
    'batch',
    'replay',
    'settle',
    'void',
    'amend',
    'late',
    'gone',
    'reassert',
    'find',
  ]
  type Case = [string, string, (key: string) => (string | Buffer)[], RegExp, Op[]]
  const counters = ({ id = 21, window = WINDOW, posted = 0, pending = 10 }: Counter) =>
    pack(1, 1, 11, 0, id, window, posted, pending, 22, 0, 0, 10)
  const CASES: Case[] = [
    ['a subject that is a hash', SUBJECT, hash, /is a hash, where a string belongs/, SUBJECT_OPS],
    ['a subject of words', SUBJECT, text('words'), /unknown schema/, SUBJECT_OPS],
    ['an empty subject', SUBJECT, text(''), /unknown schema/, SUBJECT_OPS],
    ['a subject of a later schema', SUBJECT, text(pack(2, 0)), /unknown schema/, SUBJECT_OPS],
    ['a subject cut off', SUBJECT, text(pack(1, 0, 21, 5)), /wrong length/, SUBJECT_OPS],
    ['a subject that counts wrong', SUBJECT, text(pack(1, 9)), /wrong length/, SUBJECT_OPS],
    [
      'a subject with no msgpack behind it',
      SUBJECT,
      text(Buffer.concat([pack(1, 0), Buffer.from([0xc1])])),
      /is no msgpack/,
      SUBJECT_OPS,
    ],
    ...(
      [
        ['a posted amount that is no number', counters({ posted: Number.NaN }), /integers/],
        ['a pending amount that is no number', counters({ pending: Number.NaN }), /integers/],
        ['a posted amount below zero', counters({ posted: -1_000 }), /below zero/],
        ['a pending amount below zero', counters({ pending: -1_000 }), /below zero/],
        ['a posted amount that is text', counters({ posted: '0' }), /integers/],
        ['a pending amount that is text', counters({ pending: '0' }), /integers/],
        ['a posted amount with a fraction', counters({ posted: 0.5 }), /integers/],
        ['a posted amount that is not exact', counters({ posted: 2 ** 53 }), /integers/],
        ['amounts whose sum is not exact', counters({ posted: 2 ** 53 - 5 }), /out of range/],
        ['an amount without end', counters({ posted: Number.POSITIVE_INFINITY }), /integers/],
        ['a counter of no limit', counters({ id: Number.NaN }), /integers/],
        ['a counter whose limit is text', counters({ id: '21' }), /integers/],
        ['a counter of no window', counters({ window: Number.NaN }), /integers/],
      ] as const
    ).map(
      ([what, value, why]): Case => [what, SUBJECT, text(value), why, ['reserve', 'look', 'void']],
    ),
    ...([Number.NaN, -1, '0', 0.5, 2 ** 53] as const).map(
      (tat): Case => [
        `a rate at ${JSON.stringify(tat)}`,
        SUBJECT,
        text(pack(1, 1, 11, tat, 21, WINDOW, 0, 10, 22, 0, 0, 10)),
        /integers|below zero/,
        ['reserve', 'look', 'charge'],
      ],
    ),
    ...([Number.NaN, '10', 0.5] as const).map(
      (amount): Case => [
        `a record that holds ${JSON.stringify(amount)}`,
        RECORD,
        text(
          pack(
            ...[1, 'P', START_MS + 10_000, -1, 0, 'fp of up_1', '', 1, USER],
            ...[2, 21, WINDOW, amount, 0, 22, 0, amount, 3],
          ),
        ),
        /integers/,
        ['settle', 'void'],
      ],
    ),
    ['a record that is a hash', RECORD, hash, /is a hash, where a string belongs/, RECORD_OPS],
    ['a record of words', RECORD, text('words'), /unknown schema/, RECORD_OPS],
    [
      'a record of a later schema',
      RECORD,
      text(pack(2, 'P', 0, -1, 0, 'fp', '', 0)),
      /unknown schema/,
      RECORD_OPS,
    ],
    ['a record cut off', RECORD, text(pack(1, 'P', 0)), /something else/, RECORD_OPS],
    [
      'a record in no known state',
      RECORD,
      text(pack(1, 'Z', 0, -1, 0, 'fp of up_1', '', 0)),
      /unknown state/,
      RECORD_OPS,
    ],
    [
      'an index that is a string',
      INDEX,
      text('words'),
      /is a string, where a zset belongs/,
      ['reserve', 'settle', 'void', 'claim', 'list'],
    ],
  ]

  it.each(CASES)('%s is named, refused and left as it was', async (_, key, write, why, names) => {
    await spoilt(key, write)
    const before = await dumpAll()
    for (const name of names) {
      await expectRefused(ops[name](), key, why)
      expect([name, await dumpAll()]).toEqual([name, before])
    }
    expectLogged(key)
  })

  it.each([
    ['a hash', hash, /is a hash/],
    ['words', text('words'), /unknown schema/],
    ['not there', () => ['PING'], /is gone/],
  ])('one record that is %s does not hide the others from a claim or a list', async (_, write) => {
    await spoilt(RECORD, write)
    expect(await ops.reserve()).toMatchObject({ code: 'OK' })
    await opened.advance(6_000)
    const rids = (listed: readonly { rid: string }[]) => listed.map(({ rid }) => rid)
    expect(rids((await opened.ledger.claim(CLAIM)).reservations)).toEqual(['up_2'])
    expect(rids(await ops.list())).toEqual(['up_2'])
    expectLogged(RECORD)
  })

  it('a canary that is a hash closes its partition alone', async () => {
    await spoilt(epochKey(PARTITION), hash)
    const before = await dumpAll()
    await expectRefused(ops.reserve(), epochKey(PARTITION), /is no canary/)
    expectLogged(epochKey(PARTITION))
    expect(await dumpAll()).toEqual(before)
    const elsewhere = await opened.ledger.admit({ ...again, partition: 1 })
    expect(elsewhere).toMatchObject({ code: 'OK' })
  })

  /** A ledger that is opened when somebody has written over a key already. */
  async function openedOver(key: string, write: (key: string) => (string | Buffer)[]) {
    opened = await openRedisFixture(server, START_MS, async () => {
      await server.command('DEL', key)
      await server.command(...write(key))
    })
    return dumpAll()
  }
  const elsewhere = () => opened.ledger.admit({ ...again, partition: 1 })

  it.each([
    ['an index', INDEX, text('words'), /is a string, where a zset belongs/],
    ['a canary', epochKey(PARTITION), hash, /is no canary/],
  ])('%s of another program closes its partition alone, from the start', async (...row) => {
    const [, key, write, why] = row
    const before = await openedOver(key, write)
    await expectRefused(ops.reserve(), key, why)
    await expectRefused(ops.claim(), key, why)
    expectLogged(key)
    expect(await dumpAll()).toEqual(before)
    expect(await elsewhere()).toMatchObject({ code: 'OK' })
  })

  it('with a list of gateways of another program every gateway sweeps everything', async () => {
    const before = await openedOver(MEMBERS_KEY, text('words'))
    const share = await opened.ledger.share()
    expect(share).toEqual(Array.from({ length: opened.ledger.partitions }, (_, index) => index))
    expectLogged(MEMBERS_KEY)
    expect(await dumpAll()).toEqual(before)
    expect(await ops.reserve()).toMatchObject({ code: 'OK' })
  })

  it('a ledger whose salt is of another program decides nothing and names the key', async () => {
    const before = await openedOver(META_KEY, hash)
    const error = await ops.reserve().catch((thrown: unknown) => thrown)
    const why = `the key "${META_KEY}" is of another type: it is not the ledger's own`
    expect(error).toMatchObject({ code: 'LedgerUnavailable', details: { facts: { why } } })
    expect(opened.log.join('')).toContain(JSON.stringify(why).slice(1, -1))
    expect(await dumpAll()).toEqual(before)
  })

  it.each([
    { ...again, hold: [1, 21, 5, 2 ** 50 + 1, 0], check: [0, 1, 0, 5] },
    { ...again, ttlMs: 2 ** 53 - 1 },
    { ...again, check: RESERVE.check.with(5, 2 ** 52 + 1) },
    { ...finishOf(RESERVE, 'S'), actualBytes: -1 } as const,
  ])('a command out of range is refused with the name of its key (%#)', async (command) => {
    opened = await openRedisFixture(server, START_MS)
    const before = await dumpAll()
    const { ledger } = opened
    const run = command.op === 'R' ? ledger.admit(command) : ledger.finish(command as never)
    await expect(run).rejects.toThrow(`for the key "${recordKey(PARTITION, command.rid)}"`)
    await expect(run).rejects.toBeInstanceOf(RangeError)
    expect(await dumpAll()).toEqual(before)
    expect(opened.log.filter((line) => line.includes('ledger.bad_command'))).toHaveLength(1)
  })
})
