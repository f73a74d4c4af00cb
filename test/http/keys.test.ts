import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseApiKey } from '../../src/auth/api-key.ts'
import { type ErrorCode, GatewayError } from '../../src/errors.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'
import { keyCalls, OWN_KEYS } from './key-calls.ts'

let gateway: TestGateway
let keys: ReturnType<typeof keyCalls>
beforeAll(async () => {
  gateway = await openTestGateway({
    allow: {
      'globex/carol': [{ operations: ['list'], prefix: 'globex/shared/', maxSizeBytes: 9 }],
    },
    tenantSettings: {
      globex: {
        allow: [{ ...OWN_KEYS, prefix: '{tenant}/shared/', maxSizeBytes: 1_000 }],
        // Those of the file would be wider, and are refused at start.
        keys: [],
      },
    },
  })
  keys = keyCalls(gateway)
})
afterAll(() => gateway.close())

const inAnHour = () => new Date(gateway.clock.nowMs() + 3_600_000).toISOString()

describe('making a key', () => {
  it('201: gives a key that works at once, below its rules and nowhere else', async () => {
    const body = { id: 'made1', user: 'alice', allow: [OWN_KEYS], label: 'nightly job' }
    const answer = await keys.call('POST', '/tenants/acme/keys', body)
    expect(answer.headers.get('location')).toBe('/admin/v1/tenants/acme/keys/made1')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('etag')).toMatch(/^"v\d+"$/)
    const { secret = '', ...shown } = await keys.shown(answer, 201)
    expect(parseApiKey(secret)?.id).toBe('made1')
    expect(shown).toMatchObject({
      id: 'made1',
      tenant: 'acme',
      user: 'alice',
      label: 'nightly job',
      source: 'admin',
      status: 'active',
      allow: [OWN_KEYS],
      createdAt: '2026-01-15T12:00:00Z',
      secrets: [{ last4: secret.slice(-4), pepperVersion: 1, pepper: 'current' }],
    })
    const upload = (key: string) =>
      gateway.app.request('/v1/uploads', {
        method: 'POST',
        headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
        body: JSON.stringify(uploadBody({ key })),
      })
    expect((await upload('acme/alice/a.jpg')).status).toBe(201)
    await expectRefused(
      await upload('acme/bob/a.jpg'),
      { status: 403, code: 'AccessDenied' },
      { gateway },
    )
  })

  it('makes an id where none is given, another one each time', async () => {
    const make = async () => {
      const body = { user: 'alice', allow: [OWN_KEYS] }
      return keys.shown(await keys.call('POST', '/tenants/acme/keys', body), 201)
    }
    const [one, other] = [await make(), await make()]
    expect(one.id).toMatch(/^[0-9a-f]{20}$/)
    expect(other.id).not.toBe(one.id)
  })

  it('409: never takes an id that was used before', async () => {
    await keys.create('taken1')
    await keys.create('taken2')
    await keys.call('DELETE', '/tenants/acme/keys/taken2')
    for (const id of ['taken1', 'taken2', 'acmealice']) {
      const body = { id, user: 'alice', allow: [OWN_KEYS] }
      await expectRefused(
        await keys.call('POST', '/tenants/acme/keys', body),
        { status: 409, code: 'EntityAlreadyExists' },
        { gateway },
      )
    }
  })

  it.each<[string, Record<string, unknown>, number, ErrorCode, string?]>([
    ['another tenant', { tenant: 'nobody' }, 404, 'NoSuchEntity'],
    ['another user', { user: 'carol' }, 400, 'InvalidRequest', 'user'],
    ['no rule', { allow: [] }, 400, 'InvalidRequest', 'allow'],
    [
      'another bucket',
      { allow: [{ ...OWN_KEYS, buckets: ['no'] }] },
      400,
      'InvalidRequest',
      'allow.0.buckets.0',
    ],
    [
      'no prefix',
      { allow: [{ ...OWN_KEYS, prefix: '' }] },
      400,
      'InvalidRequest',
      'allow.0.prefix',
    ],
    ['an id with "_"', { id: 'a_b' }, 400, 'InvalidRequest', 'id'],
    [
      'an end that is now',
      { expiresAt: '2026-01-15T12:00:00Z' },
      400,
      'InvalidRequest',
      'expiresAt',
    ],
    ['an end that is none', { expiresAt: 'soon' }, 400, 'InvalidRequest', 'expiresAt'],
    ['a hash', { hash: 'v1:abc' }, 400, 'InvalidRequest', 'hash'],
  ])('is refused with %s', async (_, changes, status, code, path) => {
    const { tenant = 'acme', ...body } = {
      id: 'bad',
      user: 'alice',
      allow: [OWN_KEYS],
      ...changes,
    } as Record<string, unknown>
    const answer = await keys.call('POST', `/tenants/${tenant}/keys`, body)
    const problem = await expectRefused(answer, { status, code }, { gateway })
    if (path !== undefined) expect(problem).toMatchObject({ fields: [{ path }] })
  })

  it('503: makes none that cannot be recorded', async () => {
    const full = new GatewayError('Overloaded', 'Cannot record: the disk is full')
    const audit = { ...gateway.context.audit, append: () => Promise.reject(full) }
    const closed = await openTestGateway({ overrides: { audit } })
    const body = { id: 'made1', user: 'alice', allow: [OWN_KEYS] }
    const calls = keyCalls(closed)
    const answer = await calls.call('POST', '/tenants/acme/keys', body)
    await expectRefused(answer, { status: 503, code: 'Overloaded' }, { gateway: closed })
    expect((await calls.call('GET', '/tenants/acme/keys/made1')).status).toBe(404)
    await closed.close()
  })
})

describe('P08 a key with more than its tenant may', () => {
  const make = (id: string, changes: Readonly<Record<string, unknown>>) => {
    const rule = { ...OWN_KEYS, prefix: 'globex/shared/carol/', maxSizeBytes: 1_000, ...changes }
    return keys.call('POST', '/tenants/globex/keys', { id, user: 'carol', allow: [rule] })
  }

  it('P08 201: is made where it is within the rules of its tenant', async () => {
    expect((await make('within', {})).status).toBe(201)
  })

  it.each([
    ['prefix', { prefix: 'globex/' }],
    ['prefix', { prefix: 'acme/' }],
    ['operations', { operations: ['delete'] }],
    ['maxSizeBytes', { maxSizeBytes: 1_001 }],
  ])('P08 403: is not made with wider %s', async (member, changes) => {
    const answer = await make('wider', changes)
    const problem = await expectRefused(answer, { status: 403, code: 'AccessDenied' }, { gateway })
    expect(problem).toMatchObject({ fields: [{ path: `allow.0.${member}` }] })
    expect((await keys.call('GET', '/tenants/globex/keys/wider')).status).toBe(404)
  })

  it('P08 403: does not come by changing one either', async () => {
    await make('narrow', {})
    const allow = [{ ...OWN_KEYS, prefix: 'globex/' }]
    const answer = await keys.call('PATCH', '/tenants/globex/keys/narrow', { allow })
    await expectRefused(answer, { status: 403, code: 'AccessDenied' }, { gateway })
  })
})

describe('C06 what is shown of keys', () => {
  it('C06 is never the secret again, nor a digest of it', async () => {
    const { secret } = await keys.create('shown1')
    const rotated = await keys.rotate('shown1', 60)
    const answers = await Promise.all([
      keys.call('GET', '/tenants/acme/keys/shown1'),
      keys.call('GET', '/tenants/acme/keys'),
      keys.call('GET', '/keys'),
      keys.call('PATCH', '/tenants/acme/keys/shown1', { label: 'seen' }),
    ])
    const texts = await Promise.all(answers.map((answer) => answer.text()))
    const everything = [...texts, ...gateway.log, JSON.stringify(gateway.audited)].join()
    const digests = gateway.context.directory.entries.keys.get('shown1')?.hashes ?? []
    expect(digests).toHaveLength(2)
    const parts = [
      ...[secret, rotated.secret].map((text) => text.slice('signet_shown1_'.length)),
      ...digests.map(({ hash }) => hash.split(':').at(1)),
    ]
    for (const hidden of parts) {
      expect(hidden).toMatch(/^.{32,}$/)
      expect(everything).not.toContain(hidden)
    }
    expect(texts[0]).toContain(secret.slice(-4))
  })

  it('shows keys of the configuration, which have no version', async () => {
    const answer = await keys.call('GET', '/tenants/acme/keys/acmebob')
    expect(answer.headers.get('etag')).toBeNull()
    expect(await keys.shown(answer, 200)).toMatchObject({
      id: 'acmebob',
      user: 'bob',
      source: 'configuration',
      status: 'active',
      allow: [{ buckets: ['media'], prefix: 'acme/bob/' }],
      secrets: [{ pepperVersion: 1, pepper: 'current' }],
    })
  })

  it('200: is shown to whoever has its version, for it may have ended since', async () => {
    await keys.create('known1', { expiresAt: inAnHour() })
    const first = await keys.call('GET', '/tenants/acme/keys/known1')
    gateway.clock.advance(3_600_000)
    const headers = { 'if-none-match': first.headers.get('etag') ?? '' }
    const again = await keys.call('GET', '/tenants/acme/keys/known1', undefined, headers)
    expect(again.headers.get('etag')).toBe(first.headers.get('etag'))
    expect(await keys.shown(again, 200)).toMatchObject({ status: 'expired' })
  })

  it('404: does not tell a key of another tenant from none', async () => {
    const answers = await Promise.all(
      ['acmealice', 'known1', 'nothing'].map((id) =>
        keys.call('GET', `/tenants/globex/keys/${id}`),
      ),
    )
    for (const answer of answers) {
      await expectRefused(answer, { status: 404, code: 'NoSuchEntity' }, { gateway })
    }
  })
})

describe('changing a key', () => {
  it('puts label, end and rules into force at once', async () => {
    const { secret } = await keys.create('change1', { label: 'old', expiresAt: inAnHour() })
    const allow = [{ operations: ['list'], buckets: ['media'], prefix: 'acme/alice/' }]
    const changed = await keys.shown(
      await keys.call('PATCH', '/tenants/acme/keys/change1', {
        label: null,
        expiresAt: null,
        allow,
      }),
      200,
    )
    expect(changed).toMatchObject({ allow })
    expect(changed).not.toHaveProperty('label')
    expect(changed).not.toHaveProperty('expiresAt')
    expect(await keys.status(secret, '/v1/objects/media?prefix=acme/alice/')).not.toBe(403)
    const body = JSON.stringify(uploadBody())
    const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' }
    expect(
      (await gateway.app.request('/v1/uploads', { method: 'POST', headers, body })).status,
    ).toBe(403)
  })

  it('412: changes only the version that the caller has seen', async () => {
    await keys.create('change2')
    const path = '/tenants/acme/keys/change2'
    const etag = (await keys.call('GET', path)).headers.get('etag') ?? ''
    const first = await keys.call('PATCH', path, { label: 'one' }, { 'if-match': etag })
    expect(first.status).toBe(200)
    for (const [method, more, body] of [
      ['PATCH', '', { label: 'two' }],
      ['POST', '/rotate', {}],
      ['DELETE', '', undefined],
    ] as const) {
      const stale = await keys.call(method, `${path}${more}`, body, { 'if-match': etag })
      await expectRefused(stale, { status: 412, code: 'PreconditionFailed' }, { gateway })
    }
    const seen = first.headers.get('etag') ?? ''
    expect((await keys.call('DELETE', path, undefined, { 'if-match': seen })).status).toBe(204)
  })

  it('400: takes no end that is past, and changes nothing then', async () => {
    await keys.create('change3', { label: 'old' })
    const body = { label: 'new', expiresAt: '2026-01-15T12:00:00Z' }
    const answer = await keys.call('PATCH', '/tenants/acme/keys/change3', body)
    await expectRefused(answer, { status: 400, code: 'InvalidRequest' }, { gateway })
    expect(await keys.get('change3')).toMatchObject({ label: 'old' })
  })

  it('409: leaves keys of the configuration to the configuration', async () => {
    for (const [method, more, body] of [
      ['PATCH', '', { label: 'two' }],
      ['POST', '/rotate', {}],
      ['DELETE', '', undefined],
    ] as const) {
      const answer = await keys.call(method, `/tenants/acme/keys/acmebob${more}`, body)
      await expectRefused(answer, { status: 409, code: 'UnmodifiableEntity' }, { gateway })
    }
    expect(await keys.status(gateway.key('acme/bob'))).toBe(200)
  })

  it('401: ends a key at its end, not before', async () => {
    const { secret } = await keys.create('ending', { expiresAt: inAnHour() })
    gateway.clock.advance(3_599_999)
    expect(await keys.status(secret)).toBe(200)
    gateway.clock.advance(1)
    expect(await keys.status(secret)).toBe(401)
    expect(await keys.get('ending')).toMatchObject({ status: 'expired' })
    await keys.call('PATCH', '/tenants/acme/keys/ending', { expiresAt: inAnHour() })
    expect(await keys.status(secret)).toBe(200)
  })
})

describe('rotating a key', () => {
  it('lets the old secret go on for the overlap, and shows both by their ends', async () => {
    const old = await keys.create('rotate1')
    const fresh = await keys.rotate('rotate1', 60)
    expect(parseApiKey(fresh.secret)?.id).toBe('rotate1')
    expect((await keys.get('rotate1')).secrets).toMatchObject([
      { last4: fresh.secret.slice(-4) },
      { last4: old.secret.slice(-4), expiresAt: expect.stringMatching(/^2026-/) },
    ])
    gateway.clock.advance(59_999)
    expect([await keys.status(old.secret), await keys.status(fresh.secret)]).toEqual([200, 200])
    gateway.clock.advance(1)
    expect([await keys.status(old.secret), await keys.status(fresh.secret)]).toEqual([401, 200])
    expect((await keys.get('rotate1')).secrets).toHaveLength(1)
  })

  it('401: ends the old secret at once with an overlap of 0', async () => {
    const old = await keys.create('rotate2')
    expect(await keys.status(old.secret)).toBe(200)
    const fresh = await keys.rotate('rotate2', 0)
    expect([await keys.status(old.secret), await keys.status(fresh.secret)]).toEqual([401, 200])
  })

  it('gives an hour unless it is told otherwise, and 90 days at most', async () => {
    const { secret } = await keys.create('rotate3')
    const path = '/tenants/acme/keys/rotate3/rotate'
    expect((await keys.call('POST', path)).status).toBe(200)
    gateway.clock.advance(3_599_999)
    expect(await keys.status(secret)).toBe(200)
    gateway.clock.advance(1)
    expect(await keys.status(secret)).toBe(401)
    expect((await keys.call('POST', path, { overlapSeconds: 7_776_000 })).status).toBe(200)
    expect((await keys.call('POST', path, { overlapSeconds: 7_776_001 })).status).toBe(400)
    expect((await keys.call('POST', path, { overlapSeconds: -1 })).status).toBe(400)
  })
})

describe('a key that has ended', () => {
  it('409: is given no secret that would not work, before it has another end', async () => {
    await keys.create('ended1', { expiresAt: inAnHour() })
    const path = '/tenants/acme/keys/ended1'
    gateway.clock.advance(3_599_999)
    expect(await keys.status((await keys.rotate('ended1', 60)).secret)).toBe(200)
    gateway.clock.advance(1)
    const answer = await keys.call('POST', `${path}/rotate`, {})
    await expectRefused(answer, { status: 409, code: 'DeleteConflict' }, { gateway })
    await keys.call('PATCH', path, { expiresAt: inAnHour() })
    expect(await keys.status((await keys.rotate('ended1', 60)).secret)).toBe(200)
  })
})

describe('revoking a key', () => {
  it('A11 401: refuses it from then on, for good, and tells so', async () => {
    const { secret } = await keys.create('revoke1')
    expect(await keys.status(secret)).toBe(200)
    expect((await keys.call('DELETE', '/tenants/acme/keys/revoke1')).status).toBe(204)
    expect(await keys.status(secret)).toBe(401)
    const version = (await keys.call('GET', '/tenants/acme/keys/revoke1')).headers.get('etag')
    expect((await keys.call('DELETE', '/tenants/acme/keys/revoke1')).status).toBe(204)
    const again = await keys.call('GET', '/tenants/acme/keys/revoke1')
    expect(again.headers.get('etag')).toBe(version)
    expect(await keys.shown(again, 200)).toMatchObject({ status: 'revoked', secrets: [] })
    for (const [method, more, body] of [
      ['PATCH', '', { label: 'two' }],
      ['POST', '/rotate', {}],
    ] as const) {
      const answer = await keys.call(method, `/tenants/acme/keys/revoke1${more}`, body)
      await expectRefused(answer, { status: 404, code: 'NoSuchEntity' }, { gateway })
    }
  })

  it('A11 is recorded before and after, with who, what and whose', async () => {
    await keys.create('revoke2')
    const before = gateway.audited.length
    await keys.call('DELETE', '/tenants/acme/keys/revoke2', undefined, {
      'x-request-id': 'request-7',
    })
    const told = {
      admin: 'token',
      action: 'revokeKey',
      resource: 'tenants/acme/keys/revoke2',
      tenant: 'acme',
      user: 'alice',
      keyId: 'revoke2',
      requestId: 'request-7',
    }
    expect(gateway.audited.slice(before)).toMatchObject([
      { event: 'admin.change_requested', ...told },
      { event: 'admin.changed', version: 2, changed: ['secrets', 'revokedAt'], ...told },
    ])
  })
})

describe('listing keys', () => {
  it('shows those of a tenant, of a user, or of a status, in pages', async () => {
    const own = await openTestGateway()
    const calls = keyCalls(own)
    for (const id of ['c', 'a', 'b']) await calls.create(id)
    await calls.create('d', { user: 'bob' })
    await calls.call('DELETE', '/tenants/acme/keys/b')
    const idsOf = async (path: string) => {
      const page = await (await calls.call('GET', path)).json()
      return { ids: page.keys.map(({ id }: { id: string }) => id), next: page.nextCursor }
    }
    const all = ['a', 'acmealice', 'acmebob', 'b', 'c', 'd']
    expect(await idsOf('/tenants/acme/keys')).toEqual({ ids: all, next: undefined })
    expect((await idsOf('/keys')).ids).toEqual([...all, 'globexcarol'])
    expect((await idsOf('/keys?tenant=globex')).ids).toEqual(['globexcarol'])
    expect((await idsOf('/tenants/acme/keys?user=bob')).ids).toEqual(['acmebob', 'd'])
    expect((await idsOf('/tenants/acme/keys?status=revoked')).ids).toEqual(['b'])
    expect((await idsOf('/tenants/acme/keys?status=active&user=alice')).ids).toEqual([
      'a',
      'acmealice',
      'c',
    ])
    const first = await idsOf('/tenants/acme/keys?limit=4')
    expect(first.ids).toEqual(all.slice(0, 4))
    const second = await idsOf(`/tenants/acme/keys?limit=4&cursor=${first.next}`)
    expect(second).toEqual({ ids: all.slice(4), next: undefined })
    const foreign = await calls.call('GET', `/keys?limit=4&cursor=${first.next}`)
    expect(foreign.status).toBe(400)
    await own.close()
  })

  it('404: tells a tenant that is not there', async () => {
    const answer = await keys.call('GET', '/tenants/nobody/keys')
    await expectRefused(answer, { status: 404, code: 'NoSuchEntity' }, { gateway })
  })
})
