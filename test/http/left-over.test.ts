import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { documentName } from '../../src/config/directory/document-name.ts'
import { openMemoryState } from '../../src/state/memory.ts'
import type { StateStore } from '../../src/state/port.ts'
import { callAdmin } from '../support/admin-call.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { openTestGateway, type TestGateway } from '../support/test-gateway.ts'
import { keyCalls, OWN_KEYS } from './key-calls.ts'

const state = openMemoryState()
let one: TestGateway
let other: TestGateway
let keys: ReturnType<typeof keyCalls>
/** What the other gateway does right before the next write of the first one. */
let meanwhile: (() => Promise<unknown>) | undefined

beforeAll(async () => {
  const interrupted: StateStore = {
    ...state,
    async put(document) {
      const others = meanwhile
      meanwhile = undefined
      await others?.()
      return state.put(document)
    },
  }
  one = await openTestGateway({ overrides: { state: interrupted } })
  other = await openTestGateway({ overrides: { state } })
  keys = keyCalls(one)
})
afterAll(() => Promise.all([one.close(), other.close()]))
afterEach(() => {
  meanwhile = undefined
})

const put = (path: string, body: object = {}) => callAdmin(one, 'PUT', path, { body })
const remove = async (gateway: TestGateway, path: string) => {
  expect((await callAdmin(gateway, 'DELETE', path)).status).toBe(204)
}
async function tenantWithUser(tenant: string): Promise<void> {
  expect((await put(`tenants/${tenant}`, { plan: 'test' })).status).toBe(201)
  expect((await put(`tenants/${tenant}/users/peter`)).status).toBe(201)
}
const make = (gateway: TestGateway, tenant: string, id: string) =>
  keyCalls(gateway).call('POST', `/tenants/${tenant}/keys`, {
    id,
    user: 'peter',
    allow: [OWN_KEYS],
  })
const statusOf = async (tenant: string, id: string) =>
  (await (await keys.call('GET', `/tenants/${tenant}/keys/${id}`)).json()).status
const seen = (tenant: string, user: string) =>
  one.context.directory.put({
    name: documentName({ kind: 'user', tenant, user }),
    value: JSON.stringify({ firstSeenAtMs: 1 }),
  })
const CONFLICT = { status: 409, code: 'DeleteConflict' } as const

describe('a key that is made while its owner is removed', () => {
  it('404: is revoked by whoever makes it, when the user was gone first', async () => {
    await tenantWithUser('race1')
    meanwhile = () => remove(other, 'tenants/race1/users/peter')
    const answer = await make(one, 'race1', 'race1key')
    await expectRefused(answer, { status: 404, code: 'NoSuchEntity' }, { gateway: one })
    expect(await statusOf('race1', 'race1key')).toBe('revoked')
  })

  it('is revoked by whoever removes the user, when the key was there first, and that is recorded', async () => {
    await tenantWithUser('race2')
    let secret = ''
    meanwhile = async () => {
      const made = await keys.shown(await make(other, 'race2', 'race2key'), 201)
      secret = made.secret ?? ''
    }
    await remove(one, 'tenants/race2/users/peter')
    expect(await keys.status(secret)).toBe(401)
    expect(await statusOf('race2', 'race2key')).toBe('revoked')
    const told = { action: 'deleteUser', resource: 'tenants/race2/keys/race2key', user: 'peter' }
    expect(one.audited.at(-1)).toMatchObject({ event: 'admin.changed', ...told })
  })

  it('is revoked with the tenant as well, whose users go with it', async () => {
    await tenantWithUser('race3')
    await remove(one, 'tenants/race3/users/peter')
    await seen('race3', 'sven')
    meanwhile = async () => {
      const path = 'tenants/race3/users/peter'
      expect((await callAdmin(other, 'PUT', path, { body: {} })).status).toBe(201)
      await keys.shown(await make(other, 'race3', 'race3key'), 201)
    }
    await remove(one, 'tenants/race3')
    expect(await statusOf('race3', 'race3key')).toBe('revoked')
    expect((await put('tenants/race3', { plan: 'test' })).status).toBe(201)
    const { users } = await (await callAdmin(one, 'GET', 'tenants/race3/users')).json()
    expect(users).toEqual([])
  })
})

describe('making a tenant or user where an older one has left something', () => {
  /** As if a configuration file had had the tenant, and has it no more. */
  const dropped = async (tenant: string, id: string) => {
    await tenantWithUser(tenant)
    expect((await make(one, tenant, id)).status).toBe(201)
    const name = documentName({ kind: 'tenant', tenant })
    await one.context.directory.put({ name, value: JSON.stringify({ removed: true }) })
  }

  it('409: makes no tenant before its keys are revoked and its users removed', async () => {
    await dropped('old1', 'old1key')
    const first = await expectRefused(await put('tenants/old1', { plan: 'test' }), CONFLICT)
    expect(first.detail).toContain('revoke its keys "old1key" first')
    expect((await keys.call('DELETE', '/tenants/old1/keys/old1key')).status).toBe(204)
    const second = await expectRefused(await put('tenants/old1', { plan: 'test' }), CONFLICT)
    expect(second.detail).toContain('its users "peter", first')
    await remove(one, 'tenants/old1')
    expect((await put('tenants/old1', { plan: 'test' })).status).toBe(201)
  })

  it('409: makes no user for whom an older key would act', async () => {
    await tenantWithUser('old2')
    expect((await make(one, 'old2', 'old2key')).status).toBe(201)
    const name = documentName({ kind: 'user', tenant: 'old2', user: 'peter' })
    await one.context.directory.put({ name, value: JSON.stringify({ removed: true }) })
    const refused = await expectRefused(await put('tenants/old2/users/peter'), CONFLICT)
    expect(refused.detail).toContain('"old2key"')
    expect((await put('tenants/old2/users/paula')).status).toBe(201)
    expect((await keys.call('DELETE', '/tenants/old2/keys/old2key')).status).toBe(204)
    expect((await put('tenants/old2/users/peter')).status).toBe(201)
  })

  it('204: removes users that were seen of a tenant that the file no longer has', async () => {
    await seen('old3', 'sven')
    await expectRefused(await put('tenants/old3', { plan: 'test' }), CONFLICT)
    await remove(one, 'tenants/old3')
    expect((await put('tenants/old3', { plan: 'test' })).status).toBe(201)
  })
})
