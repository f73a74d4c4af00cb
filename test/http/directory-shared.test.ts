import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import { openMemoryState } from '../../src/state/memory.ts'
import { callAdmin } from '../support/admin-call.ts'
import { openTestGateway, type TestGateway } from '../support/test-gateway.ts'

describe('the admin API of two gateways over one store', () => {
  const state = openMemoryState()
  const gateways: TestGateway[] = []

  beforeAll(async () => {
    for (let count = 0; count < 2; count += 1) {
      gateways.push(await openTestGateway({ overrides: { state } }))
    }
  })
  afterAll(() => Promise.all(gateways.map((gateway) => gateway.close())))

  /** The same request to both at once: their statuses, lowest first. */
  async function both(method: string, path: string, more: Parameters<typeof callAdmin>[3] = {}) {
    const answers = await Promise.all(
      gateways.map((gateway) => callAdmin(gateway, method, path, more)),
    )
    return answers.map(({ status }) => status).sort((a, b) => a - b)
  }

  it('201 and 412: one of two makes it, whoever asks', async () => {
    const body = { plan: 'test' }
    const onlyNew = { body, headers: { 'if-none-match': '*' } }
    expect(await both('PUT', 'tenants/t', onlyNew)).toEqual([201, 412])
    expect(await both('PUT', 'tenants/t', onlyNew)).toEqual([412, 412])
    const over = { body: { ...body, suspended: true }, headers: { 'if-match': '"v1"' } }
    expect(await both('PUT', 'tenants/t', over)).toEqual([200, 412])
    const patches = gateways.map((gateway, index) =>
      callAdmin(gateway, 'PATCH', 'tenants/t', {
        body: index === 0 ? { timeZone: 'Asia/Tokyo' } : { suspended: null },
      }),
    )
    expect((await Promise.all(patches)).map(({ status }) => status)).toEqual([200, 200])
    for (const gateway of gateways) {
      await gateway.context.directory.sync()
      const { settings } = await (await callAdmin(gateway, 'GET', 'tenants/t')).json()
      expect(settings).toEqual({ plan: 'test', timeZone: 'Asia/Tokyo', formerTimeZones: [] })
    }
  })

  it('sees what the other has changed before it judges, however old its own copy is', async () => {
    const [one, other] = gateways as [TestGateway, TestGateway]
    const call = async (gateway: TestGateway, method: string, path: string, body?: unknown) =>
      (await callAdmin(gateway, method, path, { ...(body !== undefined && { body }) })).status
    expect(await call(one, 'PUT', 'plans/fresh', {})).toBe(201)
    expect(await call(other, 'PUT', 'tenants/u', { plan: 'fresh' })).toBe(201)
    expect(await call(one, 'DELETE', 'plans/fresh')).toBe(409)
    expect(await call(one, 'PUT', 'tenants/u/users/x', {})).toBe(201)
    expect(await call(other, 'DELETE', 'tenants/u')).toBe(409)
    expect(await call(one, 'DELETE', 'tenants/u/users/x')).toBe(204)
    expect(await call(other, 'DELETE', 'tenants/u')).toBe(204)
    expect(await call(one, 'DELETE', 'plans/fresh')).toBe(204)
  })

  it('503: nothing is changed while the store is silent, and what is known is shown', async () => {
    const [one] = gateways as [TestGateway, TestGateway]
    const { changes, put } = state
    const silent = async () => {
      throw new GatewayError('LedgerUnavailable', 'Cannot read the state: no answer')
    }
    Object.assign(state, { changes: silent, put: silent })
    try {
      for (const path of ['plans/p', 'tenants/acme/users/new', 'tenants/t']) {
        const answer = await callAdmin(one, 'DELETE', path)
        expect([path, answer.status, answer.headers.has('retry-after')]).toEqual([path, 503, true])
      }
      expect((await callAdmin(one, 'GET', 'tenants/t')).status).toBe(200)
    } finally {
      Object.assign(state, { changes, put })
    }
    expect((await callAdmin(one, 'DELETE', 'tenants/t')).status).toBe(204)
  })
})
