import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { documentName } from '../../src/config/directory/document-name.ts'
import { PEPPER_GRACE_MS } from '../../src/gateway/keys/rehash-key.ts'
import { Secret } from '../../src/secret.ts'
import { openMemoryState } from '../../src/state/memory.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { TEST_PEPPER } from '../support/test-config.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'
import { keyCalls, OWN_KEYS } from './key-calls.ts'

let gateway: TestGateway
let other: TestGateway
let keys: ReturnType<typeof keyCalls>
let onOther: ReturnType<typeof keyCalls>
beforeAll(async () => {
  const state = openMemoryState()
  gateway = await openTestGateway({ overrides: { state } })
  other = await openTestGateway({ overrides: { state } })
  keys = keyCalls(gateway)
  onOther = keyCalls(other)
})
afterAll(async () => {
  await gateway.close()
  await other.close()
})

describe('a key on two gateways', () => {
  it('A11 401: is refused by the one when the other has revoked it', async () => {
    const { secret } = await keys.create('both1')
    await other.context.directory.sync()
    expect(await onOther.status(secret)).toBe(200)
    await keys.call('DELETE', '/tenants/acme/keys/both1')
    await other.context.directory.sync()
    expect(await onOther.status(secret)).toBe(401)
    expect(await onOther.get('both1')).toMatchObject({ status: 'revoked' })
  })

  it('is changed over the newest version, also by a gateway that has not heard of it', async () => {
    await keys.create('both2', { label: 'first' })
    const made = await onOther.call('PATCH', '/tenants/acme/keys/both2', { label: 'second' })
    expect(await onOther.shown(made, 200)).toMatchObject({ label: 'second' })
    const etag = made.headers.get('etag') ?? ''
    const path = '/tenants/acme/keys/both2'
    const changed = await keys.call('PATCH', path, { label: 'third' }, { 'if-match': etag })
    expect(changed.status).toBe(200)
    const stale = await onOther.call('PATCH', path, { label: 'fourth' }, { 'if-match': etag })
    expect(stale.status).toBe(412)
  })

  it('loses no rotation when both rotate it at once', async () => {
    await keys.create('both3')
    const rotated = await Promise.all([keys.rotate('both3', 60), onOther.rotate('both3', 60)])
    await gateway.context.directory.sync()
    for (const { secret } of rotated) expect(await keys.status(secret)).toBe(200)
    expect((await keys.get('both3')).secrets).toHaveLength(3)
  })

  it('409: is made by one of two that make it at once', async () => {
    const body = { id: 'both4', user: 'alice', allow: [OWN_KEYS] }
    const answers = await Promise.all(
      [keys, onOther].map((calls) => calls.call('POST', '/tenants/acme/keys', body)),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409])
  })
})

describe('a key whose tenant shrinks', () => {
  it('P08 403: may no more than its tenant from then on', async () => {
    const put = (settings: object) =>
      gateway.context.directory.put({
        name: documentName({ kind: 'tenant', tenant: 'initech' }),
        value: JSON.stringify({ plan: 'test', ...settings }),
      })
    await put({})
    await gateway.context.directory.put({
      name: documentName({ kind: 'user', tenant: 'initech', user: 'peter' }),
      value: '{}',
    })
    const allow = [{ operations: ['upload'], buckets: ['media'], prefix: 'initech/peter/' }]
    const body = { id: 'shrink', user: 'peter', allow }
    const { secret } = await keys.shown(await keys.call('POST', '/tenants/initech/keys', body), 201)
    const upload = async () => {
      const answer = await gateway.app.request('/v1/uploads', {
        method: 'POST',
        headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
        body: JSON.stringify(uploadBody({ key: 'initech/peter/a.jpg' })),
      })
      return answer.status
    }
    expect(await upload()).toBe(201)
    await put({ allow: [{ operations: ['list'], buckets: ['media'], prefix: 'initech/' }] })
    expect(await upload()).toBe(403)
    await put({ allow: [{ operations: ['upload'], buckets: ['media'], prefix: '{tenant}/' }] })
    expect(await upload()).toBe(201)
  })
})

describe('when keys were used last', () => {
  it('is shown by the hour, and not at all for a key that was not used', async () => {
    const { secret } = await keys.create('used1')
    expect(await keys.get('used1')).not.toHaveProperty('lastUsedAt')
    gateway.clock.advance(1_799_000)
    await keys.status(secret)
    gateway.clock.advance(3_600_000)
    expect(await keys.get('used1')).toMatchObject({ lastUsedAt: '2026-01-15T12:00:00Z' })
    await keys.status(secret)
    const page = await (await keys.call('GET', '/tenants/acme/keys')).json()
    expect(page.keys.find(({ id }: { id: string }) => id === 'used1')).toMatchObject({
      lastUsedAt: '2026-01-15T13:00:00Z',
    })
  })
})

describe('rotating the pepper', () => {
  const version = (number: number, text: string) => ({ version: number, secret: new Secret(text) })
  const first = version(1, TEST_PEPPER)
  const second = version(2, 'second-pepper-for-tests-0123456789abcdef')
  const replace = (
    pepper: Parameters<TestGateway['context']['live']['replaceFile']>[0]['secrets']['pepper'],
  ) => {
    const { live } = gateway.context
    live.replaceFile({ config: live.file, secrets: { ...live.secrets, pepper } })
  }
  const hangingOn = async (pepper: string) => {
    const page = await (await keys.call('GET', `/tenants/acme/keys?pepper=${pepper}`)).json()
    return page.keys.map(({ id }: { id: string }) => id)
  }

  it('rehashes keys as they are used, and tells which ones were not', async () => {
    const used = await keys.create('used2')
    const unused = await keys.create('unused')
    replace({ current: second, previous: first })
    const made = await keys.create('madeNow')
    expect(await keys.get('madeNow')).toMatchObject({ secrets: [{ pepperVersion: 2 }] })
    expect(await hangingOn('previous')).toEqual(
      expect.arrayContaining(['used2', 'unused', 'acmealice']),
    )
    expect(await keys.status(used.secret)).toBe(200)
    gateway.clock.advance(PEPPER_GRACE_MS)
    expect(await keys.status(used.secret)).toBe(200)
    await until('the key is rehashed', async () => !(await hangingOn('previous')).includes('used2'))
    expect(await keys.status(used.secret)).toBe(200)
    expect(await keys.get('used2')).toMatchObject({
      secrets: [{ last4: used.secret.slice(-4), pepperVersion: 2, pepper: 'current' }],
    })
    await other.context.directory.sync()
    const early = await other.app.request('/v1/usage', {
      headers: { authorization: `Bearer ${used.secret}` },
    })
    await expectRefused(early, { status: 503, code: 'AuthUnavailable' }, { gateway: other })
    replace({ current: second })
    expect(await hangingOn('previous')).toEqual([])
    expect(await hangingOn('gone')).toContain('unused')
    const statuses = [made, used, unused].map(({ secret }) => keys.status(secret))
    expect(await Promise.all(statuses)).toEqual([200, 200, 401])
  })
})
