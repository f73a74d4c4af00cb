import { afterEach, describe, expect, it } from 'vitest'
import { documentName } from '../../../src/config/directory/document-name.ts'
import { REMOVED } from '../../../src/config/directory/entity-documents.ts'
import { assertMayAct } from '../../../src/gateway/may-act.ts'
import { openMemoryState } from '../../../src/state/memory.ts'
import type { StateStore } from '../../../src/state/port.ts'
import { refusalOf } from '../../policy/policy-fixture.ts'
import { ROOMY_PLAN } from '../../support/test-config.ts'
import { openTestGateway, type TestGateway } from '../../support/test-gateway.ts'

const TIGHT = {
  rates: [],
  quotas: [{ policy: 'tight', per: 'user', unit: 'bytes', limit: 1, window: 'day' }],
}
const tenantName = documentName({ kind: 'tenant', tenant: 'initech' })
const planName = documentName({ kind: 'plan', plan: 'tight' })
const userName = (user: string) => documentName({ kind: 'user', tenant: 'initech', user })

let open: TestGateway[] = []
afterEach(async () => {
  await Promise.all(open.map((gateway) => gateway.close()))
  open = []
})

async function gatewayOn(state: StateStore): Promise<TestGateway> {
  const shared = { ...state, async close() {} }
  const gateway = await openTestGateway({ overrides: { state: shared } })
  open.push(gateway)
  return gateway
}

async function write(gateway: TestGateway, name: string, value: unknown): Promise<void> {
  await gateway.context.directory.put({ name, value: JSON.stringify(value) })
}

function policiesOf({ context }: TestGateway, tenant: string, user: string): readonly string[] {
  const { plan } = context.config.tenants.get(tenant)?.users.get(user) ?? {}
  return [...(plan?.rates ?? []), ...(plan?.quotas ?? [])].map(({ policy }) => policy)
}

describe('the directory', () => {
  it('knows tenants, users and plans beside those of the file, on every gateway', async () => {
    const state = openMemoryState()
    const [one, other] = [await gatewayOn(state), await gatewayOn(state)]
    await write(one, planName, TIGHT)
    await write(one, tenantName, { plan: 'tight', timeZone: 'Europe/Berlin' })
    await write(one, userName('peter'), { plan: 'test' })
    await write(one, userName('milton'), { overrides: { tight: { limit: 7 } } })
    await other.context.directory.sync()
    for (const gateway of [one, other]) {
      expect([...gateway.context.config.tenants.keys()]).toEqual(['acme', 'globex', 'initech'])
      expect(policiesOf(gateway, 'initech', 'milton')).toEqual(['tight'])
      expect(policiesOf(gateway, 'initech', 'peter')).toContain('user-requests')
      expect(gateway.context.directory.problems()).toEqual([])
    }
    const milton = other.context.config.tenants.get('initech')?.users.get('milton')
    expect(milton?.plan.quotas).toMatchObject([{ policy: 'tight', limit: 7 }])
  })

  it('takes effect in the accounts at once, and what is removed is gone', async () => {
    const gateway = await gatewayOn(openMemoryState())
    const limits = () => gateway.context.accounts.of('initech', 'peter').limits
    expect(limits).toThrow('it may not act now')
    await write(gateway, tenantName, { plan: 'test' })
    const before = limits()
    expect(limits()).toBe(before)
    await write(gateway, planName, TIGHT)
    await write(gateway, userName('peter'), { plan: 'tight' })
    expect(limits()).not.toEqual(before)
    await write(gateway, tenantName, REMOVED)
    expect(limits).toThrow('it may not act now')
  })

  it('lets the file win where both name the same, and says so', async () => {
    const gateway = await gatewayOn(openMemoryState())
    const acme = documentName({ kind: 'tenant', tenant: 'acme' })
    const alice = documentName({ kind: 'user', tenant: 'acme', user: 'alice' })
    const plan = documentName({ kind: 'plan', plan: 'test' })
    await write(gateway, acme, { plan: 'test', suspended: true })
    await write(gateway, alice, { suspended: true })
    await write(gateway, plan, TIGHT)
    const { config, directory } = gateway.context
    expect(config.tenants.get('acme')?.suspended).toBeUndefined()
    expect(config.tenants.get('acme')?.users.get('alice')?.suspended).toBeUndefined()
    expect(config.plans.get('test')?.rates).toHaveLength(ROOMY_PLAN.rates.length)
    const message = 'is set by the configuration file, which wins'
    expect(directory.problems()).toEqual([plan, acme, alice].map((name) => ({ name, message })))
  })

  it('names what cannot be used, and uses the rest', async () => {
    const gateway = await gatewayOn(openMemoryState())
    await write(gateway, tenantName, { plan: 'nowhere' })
    await write(gateway, planName, { rates: 'many' })
    await write(gateway, documentName({ kind: 'tenant', tenant: 'good' }), { plan: 'test' })
    const { config, directory } = gateway.context
    expect(config.tenants.has('initech')).toBe(false)
    expect(config.tenants.has('good')).toBe(true)
    expect(directory.problems()).toEqual([
      { name: planName, message: 'is not a document that this version can read' },
      { name: tenantName, message: 'tenants.initech.plan names no plan: "nowhere"' },
    ])
    await write(gateway, planName, TIGHT)
    await write(gateway, tenantName, { plan: 'tight' })
    expect(directory.problems()).toEqual([])
    expect(gateway.context.config.tenants.has('initech')).toBe(true)
  })

  it('lets nobody act whose settings cannot be used, be it a plan that only a token named', async () => {
    const gateway = await gatewayOn(openMemoryState())
    await write(gateway, tenantName, { plan: 'test' })
    await write(gateway, userName('peter'), { suspended: true, plan: 'gone' })
    await write(gateway, userName('milton'), { plan: 'gone' })
    await write(gateway, userName('bill'), { claimedPlan: 'gone' })
    const mayAct = (user: string) =>
      refusalOf(() => assertMayAct(gateway.context.config, { tenant: 'initech', user }))?.code
    await write(gateway, userName('odd'), { odd: true })
    const denied = ['peter', 'milton', 'bill', 'odd'].map(mayAct)
    expect(denied).toEqual(denied.map(() => 'AccessDenied'))
    await write(gateway, userName('milton'), { plan: 'test' })
    expect(mayAct('milton')).toBeUndefined()
  })

  it('keeps a tenant whose rules name a bucket that is gone, within the rules that are left', async () => {
    const gateway = await gatewayOn(openMemoryState())
    const rule = { operations: ['upload'], prefix: 'initech/' }
    await write(gateway, tenantName, {
      plan: 'test',
      allow: [
        { ...rule, buckets: ['media', 'gone'] },
        { ...rule, buckets: ['gone'] },
      ],
    })
    const { allow } = gateway.context.config.tenants.get('initech') ?? {}
    expect(allow?.map(({ buckets }) => [...buckets])).toEqual([['media']])
    await write(gateway, tenantName, { plan: 'test', allow: [{ ...rule, buckets: ['gone'] }] })
    expect(gateway.context.config.tenants.get('initech')?.allow).toEqual([])
  })

  it('keeps what has not changed the same object, so that nothing is verified anew', async () => {
    const gateway = await gatewayOn(openMemoryState())
    await write(gateway, tenantName, { plan: 'test' })
    await write(gateway, userName('peter'), {})
    const { config, accounts } = gateway.context
    const acme = config.tenants.get('acme')
    const peter = config.tenants.get('initech')?.users.get('peter')
    const account = accounts.of('acme', 'alice')
    await gateway.context.directory.sync()
    expect(gateway.context.config).toBe(config)
    await write(gateway, userName('milton'), {})
    expect(gateway.context.config).toBe(config)
    const { tenants } = gateway.context.config
    expect(tenants.get('acme')).toBe(acme)
    expect([...(tenants.get('initech')?.users.keys() ?? [])]).toEqual(['peter', 'milton'])
    expect(tenants.get('initech')?.users.get('peter')).toBe(peter)
    expect(accounts.of('acme', 'alice')).toBe(account)
  })

  it('writes what is in force here, whether or not the store can be heard afterwards', async () => {
    const state = openMemoryState()
    let silent = false
    const gateway = await gatewayOn({
      ...state,
      changes: (request) =>
        silent ? Promise.reject(new Error('no answer')) : state.changes(request),
    })
    silent = true
    await write(gateway, tenantName, { plan: 'test', suspended: true })
    expect(gateway.context.config.tenants.get('initech')?.suspended).toBe(true)
  })

  it('stands by a suspension that the store has lost, and writes it again', async () => {
    const [before, older] = [openMemoryState(), openMemoryState()]
    let current = before
    const gateway = await gatewayOn({
      ...before,
      put: (document) => current.put(document),
      changes: (request) => current.changes(request),
    })
    for (const state of [before, older]) {
      await state.put({ name: tenantName, value: JSON.stringify({ plan: 'test' }) })
    }
    await gateway.context.directory.sync()
    await write(gateway, tenantName, { plan: 'test', suspended: true })
    await gateway.context.directory.sync()
    current = older
    await gateway.context.directory.sync()
    expect(gateway.context.config.tenants.get('initech')?.suspended).toBe(true)
    expect((await older.get(tenantName))?.value).toContain('"suspended":true')
    expect(gateway.log.filter((line) => line.includes('directory.writes_lost'))).toHaveLength(1)
  })

  it('forgets what a store has lost, like one that was restored from an older copy', async () => {
    const [before, restored] = [openMemoryState(), openMemoryState()]
    let current = before
    const state: StateStore = {
      get: (name) => current.get(name),
      put: (document) => current.put(document),
      remove: (name, version) => current.remove(name, version),
      list: (request) => current.list(request),
      changes: (request) => current.changes(request),
      confirm: () => current.confirm(),
      async close() {},
    }
    const gateway = await gatewayOn(state)
    await write(gateway, tenantName, { plan: 'test' })
    await write(gateway, userName('peter'), {})
    await gateway.context.directory.sync()
    current = restored
    await write(gateway, tenantName, { plan: 'test', suspended: true })
    await gateway.context.directory.sync()
    expect(gateway.context.config.tenants.get('initech')).toMatchObject({ suspended: true })
    expect(gateway.context.config.tenants.get('initech')?.users.has('peter')).toBe(false)
  })

  it('serves whom the file names when the store gives no answer', async () => {
    const silent: StateStore = {
      ...openMemoryState(),
      changes: () => Promise.reject(new Error('no answer')),
    }
    const gateway = await gatewayOn(silent)
    expect((await gateway.call('GET', '/v1/usage')).status).toBe(200)
    expect(gateway.log.some((line) => line.includes('directory.silent'))).toBe(true)
  })
})

describe('users on first sight', () => {
  it('appear with the plan of their tenant or token, are written down once, and stay', async () => {
    const state = openMemoryState()
    const [one, other] = [await gatewayOn(state), await gatewayOn(state)]
    await write(one, planName, TIGHT)
    const { sightings, directory, config } = one.context
    expect(config.tenants.get('acme')?.users.has('new')).toBe(false)
    sightings.note({ tenant: 'acme', user: 'new', plan: 'tight' })
    expect(policiesOf(one, 'acme', 'new')).toEqual(['tight'])
    sightings.note({ tenant: 'acme', user: 'alice' })
    await sightings.settled()
    const name = documentName({ kind: 'user', tenant: 'acme', user: 'new' })
    expect(directory.document(name)?.version).toBe(1)
    sightings.note({ tenant: 'acme', user: 'new', plan: 'tight' })
    await sightings.settled()
    expect(directory.document(name)?.version).toBe(1)
    await other.context.directory.sync()
    expect(policiesOf(other, 'acme', 'new')).toEqual(['tight'])
    const alice = documentName({ kind: 'user', tenant: 'acme', user: 'alice' })
    expect(directory.document(alice)).toBeUndefined()
    sightings.note({ tenant: 'acme', user: 'new' })
    await sightings.settled()
    expect(policiesOf(one, 'acme', 'new')).toContain('user-requests')
  })
})
