import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import type { Ledger } from '../../src/ledger/port.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite.ts'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

const DAY = { policy: 'user-day', per: 'user', unit: 'bytes', limit: 2_000, window: 'day' }
const STORED = { policy: 'tenant-stored', per: 'tenant', unit: 'stored-bytes', limit: 2_000 }

/** One upload of a thousand bytes fits: one below each limit has been taken by bob. */
function askedKey(index: number) {
  return uploadBody({ key: `acme/alice/${index}` })
}

async function post(gateway: TestGateway, body: unknown, headers = {}, who?: string) {
  return gateway.call('POST', '/v1/uploads', body, {
    headers,
    ...(who !== undefined && { who }),
  })
}

/** Status and, of refusals, code. */
async function outcomes(answers: readonly Response[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (const answer of answers) {
    const { code = 'granted' } = (await answer.json()) as { code?: string }
    const outcome = `${answer.status} ${code}`
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  }
  return counts
}

describe('one free place', () => {
  const drivers: readonly [string, (clock: TestClock, directory: string) => Ledger][] = [
    ['memory', (clock) => openMemoryLedger({ clock })],
    [
      'an SQLite file',
      (clock, directory) =>
        openSqliteLedger({
          database: new DatabaseSync(`${directory}/ledger.db`),
          clock,
          schedule: (run) => void setImmediate(run),
        }),
    ],
  ]
  const limits = [
    ['a window quota', DAY, '429 QuotaExceeded'],
    ['a stored total', STORED, '403 QuotaExceeded'],
  ] as const

  for (const [driver, openLedger] of drivers) {
    it.each(limits)(
      `Q01 exactly one 201: 200 uploads in parallel over three gateways on ${driver}, %s`,
      async (_, quota, refusal) => {
        const directory = await openTemporaryDirectory()
        const clock = new TestClock()
        const ledger = openLedger(clock, directory.path)
        const plan = { rates: [], quotas: [quota] }
        const gateways = await Promise.all(
          [1, 2, 3].map(() => openTestGateway({ clock, plan, overrides: { ledger } })),
        )
        const [first] = gateways
        if (first === undefined) throw new Error('no gateway')
        expect((await post(first, askedKey(-1))).status).toBe(201)
        const answers = await Promise.all(
          Array.from({ length: 200 }, (_unused, index) =>
            post(gateways[index % gateways.length] ?? first, askedKey(index)),
          ),
        )
        expect(await outcomes(answers)).toEqual(
          new Map([
            ['201 granted', 1],
            [refusal, 199],
          ]),
        )
        const usage = await (await first.call('GET', '/v1/usage')).json()
        expect(usage.limits).toMatchObject([{ used: 0, pending: 2_000, remaining: 0 }])
        await Promise.allSettled(gateways.map((gateway) => gateway.close()))
        await directory.close()
      },
    )
  }
})

describe('idempotency keys', () => {
  it('Q02 one id and one charge: 50 parallel requests with one key and body', async () => {
    const gateway = await openTestGateway()
    const headers = { 'idempotency-key': 'k'.repeat(255) }
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => post(gateway, uploadBody(), headers)),
    )
    const uploads = await Promise.all(answers.map((answer) => answer.json()))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
    expect(new Set(uploads.map(({ id }) => id)).size).toBe(1)
    const { limits } = await (await gateway.call('GET', '/v1/usage')).json()
    expect(limits).toContainEqual(
      expect.objectContaining({ policy: 'user-bytes-day', used: 0, pending: 1_000 }),
    )
    expect(limits).toContainEqual(expect.objectContaining({ policy: 'user-pending', pending: 1 }))
    await gateway.close()
  })

  it('Q02 422: the same key with another body, in whatever order its members come', async () => {
    const gateway = await openTestGateway()
    const headers = { 'idempotency-key': 'k' }
    const body = uploadBody({ metadata: { a: '1', b: '2' } })
    const { id } = await (await post(gateway, body, headers)).json()
    const turned = { ...Object.fromEntries(Object.entries(body).reverse()) }
    const same = await post(gateway, { ...turned, metadata: { b: '2', a: '1' } }, headers)
    expect([same.status, (await same.json()).id]).toEqual([201, id])
    const before = stateOf(gateway)
    for (const change of [{ sizeBytes: 1_001 }, { key: 'acme/alice/b' }, { contentType: 'a/b' }]) {
      const refused = await post(gateway, { ...body, ...change }, headers)
      await expectRefused(
        refused,
        { status: 422, code: 'IdempotencyMismatch' },
        { gateway, before },
      )
    }
    await gateway.close()
  })

  it('Q02 independent: the same key of another principal is another upload', async () => {
    const gateway = await openTestGateway()
    const headers = { 'idempotency-key': 'k' }
    const ids = await Promise.all(
      ['acme/alice', 'acme/bob', 'globex/carol'].map(async (who) => {
        const answer = await post(gateway, uploadBody({ key: `${who}/a` }), headers, who)
        return (await answer.json()).id
      }),
    )
    expect(new Set(ids).size).toBe(3)
    await gateway.close()
  })

  it.each([
    ['256 characters', 'k'.repeat(256)],
    ['a character beyond ASCII', 'kéy'],
    ['a space', 'a b'],
    ['nothing', ''],
  ])('Q02 400: a key of %s', async (_, key) => {
    const gateway = await openTestGateway()
    const before = stateOf(gateway)
    const answer = await post(gateway, uploadBody(), { 'idempotency-key': key })
    await expectRefused(answer, { status: 400, code: 'InvalidRequest' }, { gateway, before })
    await gateway.close()
  })
})

describe('user ids', () => {
  it('Q07 no collision: odd user ids are counted apart, and so are equal ones of two tenants', async () => {
    const plan = { rates: [], quotas: [DAY] }
    const tenants = {
      acme: ['alice', 'a:{x}', 'constructor', 'a b/../c', '€'.repeat(128)],
      globex: ['alice'],
    }
    const bucket = { keys: { callerPrefix: '', wholeBucket: true } }
    const allow = Object.fromEntries(
      Object.entries(tenants).flatMap(([tenant, users]) =>
        users.map((user) => [`${tenant}/${user}`, [{ prefix: 'shared/' }]]),
      ),
    )
    const gateway = await openTestGateway({ plan, tenants, bucket, allow })
    const everybody = Object.entries(tenants).flatMap(([tenant, users]) =>
      users.map((user) => `${tenant}/${user}`),
    )
    for (const [index, who] of everybody.entries()) {
      const body = uploadBody({ key: `shared/${index}`, sizeBytes: 2_000 })
      expect([who, (await post(gateway, body, {}, who)).status]).toEqual([who, 201])
      const more = await post(gateway, uploadBody({ key: 'shared/x', sizeBytes: 1 }), {}, who)
      expect([who, more.status]).toEqual([who, 429])
    }
    const ids = [
      ...(gateway.context.ledger as ReturnType<typeof openMemoryLedger>).subjects().keys(),
    ]
    for (const id of ids) expect(id).toMatch(/^[utkbo][A-Za-z0-9_-]{16}$/)
    await gateway.close()
  })

  it.each([
    ['with a newline', 'a\nb', 'must be an id of 1 to 128 characters without controls'],
    ['of 129 characters', ':'.repeat(129), 'must be an id of 1 to 128 characters without controls'],
    ['of 10 KB', ':'.repeat(10_240), 'must be an id of 1 to 128 characters without controls'],
    ['with a bidi override', 'a\u202eb', 'must be an id of 1 to 128 characters without controls'],
    ['"__proto__"', '__proto__', 'must not have a member "__proto__"'],
  ])('Q07 the start fails: a user id %s', async (_, user, problem) => {
    await expect(openTestGateway({ tenants: { acme: [user] } })).rejects.toThrow(problem)
  })
})

describe('RateLimit fields', () => {
  it('Q09 none on a 401, and never those of another subject', async () => {
    const gateway = await openTestGateway()
    for (const authorization of ['', 'Bearer nonsense', `Bearer ${gateway.key()}x`]) {
      const answer = await post(gateway, uploadBody(), { authorization })
      await expectRefused(answer, { status: 401, code: 'Unauthenticated' })
      expect([...answer.headers.keys()].filter((name) => name.startsWith('ratelimit'))).toEqual([])
    }
    const alice = await post(gateway, uploadBody({ sizeBytes: 2 ** 30 }))
    expect(alice.headers.get('ratelimit')).toContain(`"user-bytes-day";r=${2 ** 40 - 2 ** 30};`)
    const body = uploadBody({ key: 'acme/bob/a', sizeBytes: 1 })
    const bob = await post(gateway, body, {}, 'acme/bob')
    expect(bob.headers.get('ratelimit')).toContain(`"user-bytes-day";r=${2 ** 40 - 1};`)
    await gateway.close()
  })
})

describe('dry runs', () => {
  it('Q13 10,000 of them charge, record and sign nothing, and the flood meets 429', async () => {
    const gateway = await openTestGateway()
    const before = stateOf(gateway)
    const counts = new Map<number, number>()
    for (let index = 0; index < 10_000; index += 1) {
      const answer = await gateway.call('POST', '/v1/uploads?dryRun=true', askedKey(index))
      counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1)
      if (index === 0) {
        const explained = await answer.json()
        expect(explained).toMatchObject({ allowed: true, violations: [], key: 'acme/alice/0' })
        expect(JSON.stringify(explained)).not.toContain('X-Amz')
      }
      if (index === 9_999) {
        await expectRefused(answer, { status: 429, code: 'SlowDown' }, { gateway, before })
      }
    }
    expect(counts).toEqual(
      new Map([
        [200, 100],
        [429, 9_900],
      ]),
    )
    expect(stateOf(gateway)).toEqual(before)
    // Another caller is not held up by the flood, and neither is the real request of this one.
    const bob = uploadBody({ key: 'acme/bob/a' })
    const others = await gateway.call('POST', '/v1/uploads?dryRun=true', bob, { who: 'acme/bob' })
    expect([others.status, (await post(gateway, uploadBody())).status]).toEqual([200, 201])
    await gateway.close()
  }, 60_000)

  it('Q13 names every limit that would refuse, and is allowed again just below it', async () => {
    const plan = { rates: [], quotas: [DAY, { ...STORED, limit: 1_999 }] }
    const gateway = await openTestGateway({ plan })
    const explain = async (sizeBytes: number) => {
      const body = uploadBody({ sizeBytes })
      return (await gateway.call('POST', '/v1/uploads?dryRun=true', body)).json()
    }
    expect(await explain(1_999)).toMatchObject({ allowed: true, violations: [] })
    const refused = await explain(2_001)
    expect(refused.allowed).toBe(false)
    const policies = refused.violations.map(({ policy }: { policy: string }) => policy)
    expect(policies).toEqual(['user-day', 'tenant-stored'])
    await gateway.close()
  })

  it('Q13 403 without limits: a dry run for a forbidden or unknown bucket', async () => {
    const gateway = await openTestGateway({
      buckets: {
        hidden: {
          placements: [{ store: 'main', bucket: 'b2' }],
          keys: { callerPrefix: '{tenant}/{user}/' },
        },
      },
      allow: { 'acme/alice': [{ buckets: ['media'] }] },
    })
    for (const bucket of ['hidden', 'unknown']) {
      const body = uploadBody({ bucket })
      const answer = await gateway.call('POST', '/v1/uploads?dryRun=true', body)
      const problem = await expectRefused(answer, { status: 403, code: 'AccessDenied' })
      expect(Object.keys(problem)).not.toContain('violations')
      expect(JSON.stringify(problem)).not.toMatch(/user-bytes-day|limit/)
    }
    await gateway.close()
  })
})
