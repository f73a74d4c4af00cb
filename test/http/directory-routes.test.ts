import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { documentName } from '../../src/config/directory/document-name.ts'
import { GatewayError } from '../../src/errors.ts'
import { callAdmin } from '../support/admin-call.ts'
import { ROOMY_PLAN } from '../support/test-config.ts'
import { openTestGateway, type TestGateway } from '../support/test-gateway.ts'

const QUOTA = { policy: 'day', per: 'user', unit: 'bytes', limit: 100, window: 'day' }
const STORED = { policy: 'stored', per: 'tenant', unit: 'stored-bytes', limit: 50 }

describe('plans, tenants and users by the admin API', () => {
  let gateway: TestGateway

  beforeAll(async () => {
    gateway = await openTestGateway()
  })
  afterAll(() => gateway.close())

  const call = (method: string, path: string, body?: unknown, headers = {}) =>
    callAdmin(gateway, method, path, { ...(body !== undefined && { body }), headers })

  /** Status and ETag of a change that has to succeed. */
  async function made(method: string, path: string, body?: unknown, headers = {}) {
    const answer = await call(method, path, body, headers)
    const text = await answer.text()
    expect([path, answer.status < 300, text]).toEqual([path, true, text])
    return { status: answer.status, etag: answer.headers.get('etag') ?? '' }
  }

  async function read(path: string) {
    const answer = await call('GET', path)
    expect([path, answer.status]).toEqual([path, 200])
    return answer.json()
  }

  async function refused(asked: Promise<Response>, status: number, code: string) {
    const answer = await asked
    const problem = await answer.json()
    expect([answer.status, problem.code, problem.detail]).toEqual([status, code, problem.detail])
    return problem
  }

  it('201, then 200: makes each, shows it, replaces it; ETags are those of what is shown', async () => {
    for (const [path, first, second] of [
      ['plans/p1', { quotas: [QUOTA] }, { quotas: [QUOTA, STORED] }],
      ['tenants/t1', { plan: 'p1' }, { plan: 'p1', timeZone: 'Europe/Berlin' }],
      ['tenants/t1/users/u1', {}, { overrides: { day: { limit: 7 } } }],
    ] as const) {
      const created = await made('PUT', path, first)
      expect([path, created]).toEqual([path, { status: 201, etag: '"v1"' }])
      const replaced = await made('PUT', path, second, { 'if-match': created.etag })
      expect([path, replaced]).toEqual([path, { status: 200, etag: '"v2"' }])
      const shown = await call('GET', path)
      expect([shown.status, shown.headers.get('etag')]).toEqual([200, '"v2"'])
      // What it has and who is in it changes without the document.
      expect((await call('GET', path, undefined, { 'if-none-match': '"v2"' })).status).toBe(200)
    }
    expect(await read('tenants/t1/users/u1')).toMatchObject({
      id: 'u1',
      tenant: 't1',
      source: 'admin',
      plan: 'p1',
      suspended: false,
      limits: { quotas: [{ policy: 'day', limit: 7 }, STORED] },
      settings: { overrides: { day: { limit: 7 } } },
    })
    expect(await read('tenants/t1')).toMatchObject({
      source: 'admin',
      timeZone: 'Europe/Berlin',
      userCount: 1,
      users: [{ id: 'u1', plan: 'p1' }],
    })
    // It is in force: the ledger counts by these limits.
    const { limits } = await read('usage?tenant=t1&user=u1')
    expect(limits.map(({ limit }: { limit: number }) => limit)).toEqual([7, 50])
  })

  it('200: what a GET shows as settings can be put back, and makes no new version', async () => {
    await made('PUT', 'tenants/again', { plan: 'test', userPlans: ['test'], suspended: true })
    for (const path of ['tenants/again', 'tenants/t1/users/u1']) {
      const { settings } = await read(path)
      const before = (await call('GET', path)).headers.get('etag')
      expect(await made('PUT', path, settings)).toEqual({ status: 200, etag: before })
    }
  })

  it('200: a PATCH changes the members that it names, and null takes one away', async () => {
    await made('PUT', 'tenants/patched', {
      plan: 'test',
      overrides: { 'tenant-stored': { limit: 5 }, 'user-bytes-day': { limit: 6 } },
    })
    await made('PATCH', 'tenants/patched', {
      suspended: true,
      overrides: { 'tenant-stored': null, 'user-bytes-day': { limit: 9 } },
    })
    expect((await read('tenants/patched')).settings).toEqual({
      plan: 'test',
      timeZone: 'UTC',
      formerTimeZones: [],
      suspended: true,
      overrides: { 'user-bytes-day': { limit: 9 } },
    })
    await made('PATCH', 'tenants/patched', { suspended: null, overrides: null })
    expect((await read('tenants/patched')).settings).toEqual({
      plan: 'test',
      timeZone: 'UTC',
      formerTimeZones: [],
    })
    const fields = { fields: [expect.objectContaining({ path: 'plan' })] }
    const problem = await refused(
      call('PATCH', 'tenants/patched', { plan: null }),
      400,
      'InvalidRequest',
    )
    expect(problem).toMatchObject(fields)
    await refused(call('PATCH', 'tenants/nobody', { suspended: true }), 404, 'NoSuchEntity')
    await refused(call('PATCH', 'tenants/acme/users/nobody', {}), 404, 'NoSuchEntity')
  })

  it('412: not over another version than was seen, nor over what is there already', async () => {
    const { etag } = await made('PUT', 'plans/versions', {})
    const next = await made('PUT', 'plans/versions', { quotas: [QUOTA] }, { 'if-match': etag })
    for (const headers of [
      { 'if-match': etag },
      { 'if-match': `W/${next.etag}` },
      { 'if-none-match': '*' },
      { 'if-none-match': next.etag },
    ]) {
      await refused(call('PUT', 'plans/versions', {}, headers), 412, 'PreconditionFailed')
      await refused(call('DELETE', 'plans/versions', undefined, headers), 412, 'PreconditionFailed')
    }
    await refused(call('PUT', 'plans/none', {}, { 'if-match': '*' }), 412, 'PreconditionFailed')
    await refused(call('PUT', 'plans/none', {}, { 'if-match': 'v1' }), 400, 'InvalidRequest')
    expect((await call('GET', 'plans/none')).status).toBe(404)
    expect((await read('plans/versions')).quotas).toHaveLength(1)
  })

  it('of many changes over one version one is made, and of many over any version all', async () => {
    const { etag } = await made('PUT', 'tenants/busy', { plan: 'test' })
    const zones = ['Asia/Tokyo', 'Europe/Paris', 'Africa/Lagos', 'America/Lima']
    const statuses = await Promise.all(
      zones.map(async (timeZone) => {
        const body = { plan: 'test', timeZone }
        return (await call('PUT', 'tenants/busy', body, { 'if-match': etag })).status
      }),
    )
    expect(statuses.sort((a, b) => a - b)).toEqual([200, 412, 412, 412])
    const policies = ['tenant-stored', 'user-bytes-day', 'user-pending']
    await Promise.all(
      policies.map((policy) =>
        made('PATCH', 'tenants/busy', { overrides: { [policy]: { limit: 3 } } }),
      ),
    )
    const { overrides } = (await read('tenants/busy')).settings
    expect(Object.keys(overrides).sort((a, b) => (a < b ? -1 : 1))).toEqual(policies)
  })

  it('409: what the configuration file sets is not changed, and shown as such', async () => {
    for (const [path, body] of [
      ['plans/test', ROOMY_PLAN],
      ['tenants/acme', { plan: 'test' }],
      ['tenants/acme/users/alice', { suspended: true }],
    ] as const) {
      const before = await read(path)
      expect(before.source).toBe('configuration')
      await refused(call('PUT', path, body), 409, 'UnmodifiableEntity')
      await refused(call('DELETE', path), 409, 'UnmodifiableEntity')
      expect(await read(path)).toEqual(before)
    }
    await refused(call('PATCH', 'tenants/acme', { suspended: true }), 409, 'UnmodifiableEntity')
    expect(await made('PUT', 'tenants/acme/users/dora', {})).toMatchObject({ status: 201 })
    expect(await read('tenants/acme/users/dora')).toMatchObject({ source: 'admin', plan: 'test' })
  })

  it('400: names each member that the file could not have either, by its path in the body', async () => {
    const rate = { policy: 'fast', per: 'user', requests: 1_000_000, windowSeconds: 1 }
    for (const [path, body, at] of [
      ['plans/bad', { quotas: [{ ...QUOTA, window: undefined }] }, ['quotas.0.window']],
      ['plans/bad', { quotas: [QUOTA, QUOTA] }, ['quotas.1.policy']],
      ['plans/bad', { rates: [rate] }, ['rates.0.requests']],
      ['plans/bad', { quotas: [{ ...QUOTA, limit: -1 }] }, ['quotas.0.limit']],
      ['tenants/bad', {}, ['plan']],
      ['tenants/bad', { plan: 'nope' }, ['plan']],
      ['tenants/bad', { plan: 'test', timeZone: 'Mars/Olympus' }, ['timeZone']],
      ['tenants/bad', { plan: 'test', overrides: { nope: { limit: 1 } } }, ['overrides.nope']],
      [
        'tenants/bad',
        { plan: 'test', allow: [{ operations: ['list'], buckets: ['nope'], prefix: 'a/' }] },
        ['allow.0.buckets.0'],
      ],
      ['tenants/acme/users/bad', { plan: 'nope' }, ['plan']],
      [
        'tenants/acme/users/bad',
        { overrides: { 'tenant-stored': { limit: 1 } } },
        ['overrides.tenant-stored'],
      ],
    ] as const) {
      const problem = await refused(call('PUT', path, body), 400, 'InvalidRequest')
      const paths = problem.fields.map((field: { path: string }) => field.path)
      expect([path, body, paths]).toEqual([path, body, at])
      expect((await call('GET', path)).status).toBe(404)
    }
  })

  it.each([
    'role',
    'tenantId',
    'used',
    'id',
    'source',
    'keys',
    'users',
    'firstSeenAtMs',
    'claimedPlan',
    'removed',
    'endpoint',
  ])('P07 400: no change may bring the member %s', async (name) => {
    const body = { [name]: name === 'removed' ? true : 'admin' }
    for (const [method, path, more] of [
      ['PATCH', 'tenants/t1', {}],
      ['PUT', 'tenants/t1', { plan: 'p1' }],
      ['PATCH', 'tenants/t1/users/u1', {}],
      ['PUT', 'tenants/t1/users/u1', {}],
      ['PUT', 'plans/p1', {}],
    ] as const) {
      const problem = await refused(call(method, path, { ...more, ...body }), 400, 'InvalidRequest')
      expect(problem.fields).toEqual([{ path: name, message: 'is not a known member' }])
    }
  })

  it('P08 403: no user gets a plan that its tenant may not give', async () => {
    await made('PUT', 'plans/big', { quotas: [{ ...QUOTA, limit: 1_000_000 }] })
    await made('PUT', 'tenants/small', { plan: 'test', userPlans: [] })
    const user = 'tenants/small/users/u'
    await refused(call('PUT', user, { plan: 'big' }), 403, 'AccessDenied')
    await made('PUT', user, { plan: 'test' })
    await refused(call('PATCH', user, { plan: 'big' }), 403, 'AccessDenied')
    await made('PATCH', 'tenants/small', { userPlans: ['big'] })
    await made('PATCH', user, { plan: 'big' })
    expect(await read(user)).toMatchObject({ plan: 'big' })
    // A bound that comes later keeps nobody from suspending whoever has more.
    await made('PATCH', 'tenants/small', { userPlans: [] })
    await made('PATCH', user, { suspended: true })
    await refused(call('PUT', 'tenants/small/users/v', { plan: 'big' }), 403, 'AccessDenied')
  })

  it('400: no plan or tenant changes so that somebody who has it would not fit it any more', async () => {
    await made('PUT', 'plans/base', { quotas: [QUOTA, STORED] })
    await made('PUT', 'plans/other', { quotas: [STORED] })
    await made('PUT', 'tenants/has', { plan: 'base', overrides: { stored: { limit: 1 } } })
    await made('PUT', 'tenants/has/users/u', { overrides: { day: { limit: 1 } } })
    await made('PUT', 'tenants/acme/users/guest', { plan: 'base' })
    const noStored = await refused(
      call('PUT', 'plans/base', { quotas: [QUOTA] }),
      400,
      'InvalidRequest',
    )
    expect(noStored.detail).toMatch(/tenant "has": tenants\.has\.overrides\.stored names no limit/)
    const noDay = await refused(
      call('PUT', 'plans/base', { quotas: [STORED] }),
      400,
      'InvalidRequest',
    )
    expect(noDay.detail).toMatch(/user "u" of tenant "has": .*overrides\.day names no limit/)
    const moved = await refused(
      call('PUT', 'tenants/has', { plan: 'other' }),
      400,
      'InvalidRequest',
    )
    expect(moved.detail).toMatch(/user "u" of tenant "has"/)
    // A policy of the tenant's plan twice in one decision.
    const twice = { ...QUOTA, policy: 'user-pending', unit: 'pending-uploads', per: 'tenant' }
    await made('PUT', 'plans/base', { quotas: [QUOTA, STORED, { ...twice, window: undefined }] })
    expect(await read('tenants/has')).toMatchObject({ plan: 'base' })
  })

  it('409: nothing is removed that somebody has; 204 when nobody has it, and once more', async () => {
    await made('PUT', 'plans/owned', {})
    await made('PUT', 'tenants/owner', { plan: 'owned', userPlans: ['test'] })
    await made('PUT', 'tenants/owner/users/u', { suspended: true })
    const inUse = await refused(call('DELETE', 'plans/owned'), 409, 'DeleteConflict')
    expect(inUse.detail).toContain('tenant "owner"')
    await refused(call('DELETE', 'tenants/owner'), 409, 'DeleteConflict')
    await made('DELETE', 'tenants/owner/users/u')
    await made('DELETE', 'tenants/owner')
    await made('DELETE', 'plans/owned')
    for (const path of ['tenants/owner/users/u', 'tenants/owner', 'plans/owned']) {
      expect([path, (await call('GET', path)).status]).toEqual([path, 404])
      expect([path, (await call('DELETE', path)).status]).toEqual([path, 204])
    }
    await refused(call('PUT', 'tenants/owner/users/u', {}), 404, 'NoSuchEntity')
    for (const path of ['plans/never', 'tenants/never', 'tenants/acme/users/never']) {
      await refused(call('DELETE', path), 404, 'NoSuchEntity')
    }
    // A version is never seen twice, so that no old If-Match fits the new one.
    expect(await made('PUT', 'plans/owned', {})).toEqual({ status: 201, etag: '"v3"' })
  })

  it('409: neither a user is removed for whom a key acts, nor its tenant; revoked keys act for nobody', async () => {
    await made('PUT', 'tenants/keyed', { plan: 'test' })
    const name = documentName({ kind: 'key', key: 'kd1' })
    const key = {
      id: 'kd1',
      tenant: 'keyed',
      user: 'u',
      allow: [{ operations: ['list'], buckets: ['media'], prefix: 'keyed/' }],
      createdAtMs: 1,
    }
    const hash = `v1:${'A'.repeat(43)}`
    const put = (more: object) =>
      gateway.context.directory.put({ name, value: JSON.stringify({ ...key, ...more }) })
    for (const user of ['u', 'v']) await made('PUT', `tenants/keyed/users/${user}`, {})
    await put({ hashes: [{ hash, last4: 'AAAA', createdAtMs: 1 }] })
    expect(await read('tenants/keyed')).toMatchObject({ keyCount: 1, keys: ['kd1'] })
    await refused(call('DELETE', 'tenants/keyed/users/u'), 409, 'DeleteConflict')
    await made('DELETE', 'tenants/keyed/users/v')
    await put({ hashes: [], revokedAtMs: 2 })
    await made('DELETE', 'tenants/keyed/users/u')
    await put({ hashes: [{ hash, last4: 'AAAA', createdAtMs: 1 }] })
    await refused(call('DELETE', 'tenants/keyed'), 409, 'DeleteConflict')
    await put({ hashes: [], revokedAtMs: 2 })
    await made('DELETE', 'tenants/keyed')
  })

  it('users that were only seen are shown as such, and do not keep a tenant', async () => {
    await made('PUT', 'tenants/visited', { plan: 'test' })
    await gateway.context.directory.put({
      name: documentName({ kind: 'user', tenant: 'visited', user: 'sub|7' }),
      value: JSON.stringify({ firstSeenAtMs: 1_000 }),
    })
    const path = 'tenants/visited/users/sub%7C7'
    expect(await read(path)).toMatchObject({
      id: 'sub|7',
      source: 'seen',
      plan: 'test',
      firstSeenAt: '1970-01-01T00:00:01Z',
      settings: {},
    })
    await read('usage?tenant=visited&user=sub%7C7')
    await made('PATCH', path, { suspended: true })
    expect(await read(path)).toMatchObject({
      source: 'admin',
      suspended: true,
      firstSeenAt: '1970-01-01T00:00:01Z',
    })
    await refused(call('DELETE', 'tenants/visited'), 409, 'DeleteConflict')
    await made('PATCH', path, { suspended: null })
    await made('DELETE', 'tenants/visited')
  })

  it('users have overrides of the plan that their token claims, and are suspended whatever it is', async () => {
    await made('PUT', 'plans/claimed', { quotas: [{ ...QUOTA, policy: 'claimed-day' }] })
    await made('PUT', 'tenants/claims', { plan: 'test' })
    const see = (user: string, claimedPlan: string) =>
      gateway.context.directory.put({
        name: documentName({ kind: 'user', tenant: 'claims', user }),
        value: JSON.stringify({ firstSeenAtMs: 1_000, claimedPlan }),
      })
    await see('one', 'claimed')
    await see('other', 'nowhere')
    const overrides = { 'claimed-day': { limit: 3 } }
    await made('PUT', 'tenants/claims/users/one', { overrides })
    expect(await read('tenants/claims/users/one')).toMatchObject({
      plan: 'claimed',
      limits: { quotas: [{ policy: 'claimed-day', limit: 3 }] },
    })
    const other = 'tenants/claims/users/other'
    await refused(call('PUT', other, { overrides }), 400, 'InvalidRequest')
    await made('PATCH', other, { suspended: true })
    expect((await read(other)).suspended).toBe(true)
  })

  it.each([
    'a/b',
    'ä ö',
    '100%',
    '%2F',
    'a?b#c',
    "it's",
    '__proto__',
    'constructor',
    '😀',
    'a\\b',
    '.hidden',
    '...',
  ])('takes, shows and removes a tenant and a user called %s', async (id) => {
    const path = `tenants/${encodeURIComponent(id)}`
    expect(await made('PUT', path, { plan: 'test' })).toMatchObject({ status: 201 })
    expect(await made('PUT', `${path}/users/${encodeURIComponent(id)}`, {})).toMatchObject({
      status: 201,
    })
    expect(await read(path)).toMatchObject({ id, users: [{ id, plan: 'test' }] })
    const { users } = await read(`${path}/users`)
    expect(users.map((user: { id: string }) => user.id)).toEqual([id])
    await made('DELETE', `${path}/users/${encodeURIComponent(id)}`)
    await made('DELETE', path)
  })

  it.each([
    ['a newline', 'a\nb'],
    ['ANSI', '\u001b[31mred'],
    ['a direction mark', 'a\u202eb'],
    ['129 characters', 'x'.repeat(129)],
  ])('C07 400: no tenant or user is called something with %s', async (_, id) => {
    gateway.audited.length = 0
    const name = encodeURIComponent(id)
    for (const [path, body] of [
      [`tenants/${name}`, { plan: 'test' }],
      [`tenants/acme/users/${name}`, {}],
      [`plans/${name}`, {}],
    ] as const) {
      await refused(call('PUT', path, body), 400, 'InvalidRequest')
      expect((await call('GET', path)).status).toBe(404)
    }
    expect(new Set(gateway.audited.map(({ event }) => event))).toEqual(new Set(['admin.refused']))
    expect(JSON.stringify(gateway.audited)).not.toContain(JSON.stringify(id).slice(1, -1))
  })

  it('records who changed what before and after, and no change that is none', async () => {
    gateway.audited.length = 0
    await made('PUT', 'tenants/told', { plan: 'test' })
    await made('PATCH', 'tenants/told', {})
    await made('PUT', 'tenants/told/users/a%2Fb', {})
    await made('DELETE', 'tenants/told/users/a%2Fb')
    const expected = [
      ['putTenant', 'tenants/told'],
      ['putUser', 'tenants/told/users/a%2Fb'],
      ['deleteUser', 'tenants/told/users/a%2Fb'],
    ].flatMap(([action, resource], index) =>
      ['admin.change_requested', 'admin.changed'].map((event) => ({
        event,
        ...(event === 'admin.changed' && { version: [1, 1, 2][index] }),
        ...(action === 'putTenant' && {
          changed: ['plan', 'timeZone', 'formerTimeZones'],
          values: { plan: 'test', timeZone: 'UTC' },
        }),
        ...(action === 'putUser' && { changed: [] }),
        admin: 'token',
        action,
        resource,
        tenant: 'told',
        at: expect.any(String),
        requestId: expect.any(String),
        ...(action !== 'putTenant' && { user: 'a/b' }),
      })),
    )
    expect(gateway.audited).toEqual(expected)
  })

  it('503: a change that cannot be recorded is not made', async () => {
    const before = await made('PUT', 'tenants/kept', { plan: 'test' })
    const { audit } = gateway.context
    const { append } = audit
    audit.append = async () => {
      throw new GatewayError('Overloaded', 'Cannot record the event: the buffer is full')
    }
    try {
      for (const [method, path, body] of [
        ['PUT', 'plans/unrecorded', {}],
        ['PUT', 'tenants/kept', { plan: 'test', suspended: true }],
        ['PATCH', 'tenants/kept', { suspended: true }],
        ['DELETE', 'tenants/kept', undefined],
        ['PUT', 'tenants/kept/users/u', {}],
      ] as const) {
        await refused(call(method, path, body), 503, 'Overloaded')
      }
    } finally {
      audit.append = append
    }
    expect((await call('GET', 'tenants/kept')).headers.get('etag')).toBe(before.etag)
    expect(await read('tenants/kept')).toMatchObject({ suspended: false, userCount: 0 })
    expect((await call('GET', 'plans/unrecorded')).status).toBe(404)
  })

  it('shows what cannot be in force, why, and lets it be put right', async () => {
    const put = (name: string, value: object) =>
      gateway.context.directory.put({ name, value: JSON.stringify(value) })
    await put(documentName({ kind: 'tenant', tenant: 'lost' }), { plan: 'gone' })
    await put(documentName({ kind: 'user', tenant: 'acme', user: 'lost' }), { plan: 'gone' })
    await put(documentName({ kind: 'tenant', tenant: 'acme' }), { plan: 'gone' })
    const { tenants } = await read('tenants?limit=1000')
    const lost = tenants.find(({ id }: { id: string }) => id === 'lost')
    expect(lost).toMatchObject({ plan: 'gone', problem: expect.stringContaining('names no plan') })
    expect(await read('tenants/acme/users/lost')).toMatchObject({
      problem: expect.stringContaining('names no plan'),
    })
    expect(await read('tenants/acme')).toMatchObject({
      source: 'configuration',
      plan: 'test',
      problem: expect.stringContaining('configuration file'),
    })
    await made('PUT', 'tenants/lost', { plan: 'test' })
    // Who is broken already keeps nobody from changing what is around.
    await put(documentName({ kind: 'user', tenant: 'lost', user: 'u' }), { plan: 'gone' })
    await made('PATCH', 'tenants/lost', { timeZone: 'Asia/Tokyo' })
    await made('DELETE', 'tenants/lost/users/u')
    await made('DELETE', 'tenants/acme/users/lost')
    expect(await read('tenants/lost')).not.toHaveProperty('problem')
  })

  it('200: lists by name, by pages, and only those that are asked for', async () => {
    await made('PUT', 'plans/listed', {})
    await made('PUT', 'tenants/listed', { plan: 'listed' })
    for (const user of ['c', 'a', 'b', 'B']) await made('PUT', `tenants/listed/users/${user}`, {})
    await made('PATCH', 'tenants/listed/users/b', { suspended: true })
    const names = async (path: string, list: string) => {
      const all: string[] = []
      let cursor: string | undefined
      do {
        const page = await read(`${path}&limit=2${cursor === undefined ? '' : `&cursor=${cursor}`}`)
        expect(page[list].length).toBeLessThanOrEqual(2)
        all.push(...page[list].map((each: { id?: string; name?: string }) => each.id ?? each.name))
        cursor = page.nextCursor
      } while (cursor !== undefined)
      return all
    }
    expect(await names('tenants/listed/users?source=admin', 'users')).toEqual(['B', 'a', 'b', 'c'])
    expect(await names('tenants/listed/users?suspended=true', 'users')).toEqual(['b'])
    expect(await names('tenants/listed/users?plan=test', 'users')).toEqual([])
    expect(await names('tenants?plan=listed', 'tenants')).toEqual(['listed'])
    expect(await names('tenants?source=configuration', 'tenants')).toEqual(['acme', 'globex'])
    expect(await names('plans?source=configuration', 'plans')).toEqual(['test'])
    expect(await names('plans?source=admin', 'plans')).toContain('listed')
    await refused(call('GET', 'tenants/nobody/users'), 404, 'NoSuchEntity')
    const { nextCursor } = await read('tenants?limit=1')
    await refused(call('GET', `plans?cursor=${nextCursor}`), 400, 'InvalidRequest')
    await refused(call('GET', 'tenants?owner=x'), 400, 'InvalidRequest')
  })
})
