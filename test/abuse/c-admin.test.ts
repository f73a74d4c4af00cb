import { afterEach, describe, expect, it } from 'vitest'
import { configText, load, problemsOf } from '../config/config-fixture.ts'
import { operations } from '../http/operations.ts'
import { callAdmin } from '../support/admin-call.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

describe('the admin token', () => {
  it.each([
    ['empty', ''],
    ['one of everybody', 'changeme'],
    ['another one of everybody', 'minioadmin'],
    ['short', 'A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p'],
    ['long, of one letter', 'a'.repeat(64)],
  ])('C03 the start fails and names the setting when it is %s', async (_, token) => {
    const problems = await problemsOf(configText({ 'secrets.adminToken': token }))
    expect(problems).toEqual([expect.stringMatching(/^secrets\.adminToken: \w/)])
    expect(token !== '' && problems.join().includes(token)).toBe(false)
  })

  it('C03 the start goes on with 32 characters that nobody guesses', async () => {
    const text = configText({ 'secrets.adminToken': 'A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6' })
    expect(await problemsOf(text)).toEqual([])
  })
})

describe('the admin listener', () => {
  let gateway: TestGateway
  afterEach(() => gateway.close())

  it('C04 listens on loopback unless it is told otherwise', async () => {
    gateway = await openTestGateway()
    const { config } = await load({ server: {} })
    expect(config.server.admin).toEqual({ host: '127.0.0.1', port: 9_090 })
  })

  it('C04 shows metrics without a token, and in them no key, user, tenant or secret', async () => {
    gateway = await openTestGateway()
    await gateway.call('POST', '/v1/uploads', uploadBody({ key: 'acme/alice/private-name.jpg' }))
    await gateway.call('GET', '/v1/objects/media/acme/alice/private-name.jpg')
    const metrics = await gateway.admin.request('/metrics')
    expect(metrics.status).toBe(200)
    const text = await metrics.text()
    expect(text).toMatch(/signet_uploads_granted_total\{bucket="media"/)
    for (const name of ['private-name', 'alice', 'acme', TEST_ADMIN_TOKEN, gateway.key()]) {
      expect(text).not.toContain(name)
    }
  })

  it('C04 401 or 404: everything else, without a token', async () => {
    gateway = await openTestGateway()
    for (const path of ['/admin/v1/stores', '/admin/v1/tenants', '/admin/v1/usage']) {
      const answer = await gateway.admin.request(path)
      await expectRefused(answer, { status: 401, code: 'Unauthenticated' }, { gateway })
    }
    for (const path of ['/console', '/debug', '/config', '/env', '/', '/metrics/../config']) {
      const answer = await gateway.admin.request(path)
      await expectRefused(answer, { status: 404, code: 'NoSuchRoute' }, { gateway })
    }
  })

  it('C04 404: metrics and console on the public listener', async () => {
    gateway = await openTestGateway()
    for (const path of ['/metrics', '/console', '/debug', '/config']) {
      const answer = await gateway.app.request(path)
      await expectRefused(answer, { status: 404, code: 'NoSuchRoute' }, { gateway })
    }
  })

  it('C01 401: a page of another origin changes nothing, with whatever a form can send', async () => {
    gateway = await openTestGateway()
    const forged = {
      origin: 'https://evil.example',
      cookie: `token=${TEST_ADMIN_TOKEN}; session=${TEST_ADMIN_TOKEN}`,
    }
    const changing = operations(gateway).filter(
      ({ app, method }) => app === gateway.admin && method !== 'GET',
    )
    expect(changing.length).toBeGreaterThan(10)
    for (const { method, path } of changing) {
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json']) {
        const answer = await gateway.admin.request(path, {
          method,
          headers: { ...forged, 'content-type': type },
          body: '{}',
        })
        await expectRefused(answer, { status: 401, code: 'Unauthenticated' }, { gateway })
        const allowed = [...answer.headers.keys()].filter((name) => name.startsWith('access-'))
        expect([method, path, allowed]).toEqual([method, path, []])
      }
      const preflight = await gateway.admin.request(path, {
        method: 'OPTIONS',
        headers: {
          origin: forged.origin,
          'access-control-request-method': method,
          'access-control-request-headers': 'authorization',
        },
      })
      expect([path, preflight.ok, preflight.headers.get('access-control-allow-origin')]).toEqual([
        path,
        false,
        null,
      ])
    }
    expect(gateway.audited.filter(({ event }) => String(event).startsWith('admin.'))).toEqual([])
  })

  it('C05 400 or 404: no request to the admin listener names an endpoint', async () => {
    gateway = await openTestGateway()
    const endpoints = [
      'http://169.254.169.254',
      'http://[::ffff:127.0.0.1]',
      'http://rebind.example',
    ]
    for (const endpoint of endpoints) {
      for (const path of ['stores/main/probe', 'stores/main/cors', 'reconcile', 'ledger/audit']) {
        const body = { endpoint, ...(path.endsWith('cors') && { origins: ['https://a.example'] }) }
        const answer = await callAdmin(gateway, 'POST', path, { body })
        await expectRefused(answer, { status: 400, code: 'InvalidRequest' }, { gateway })
      }
      for (const [method, path] of [
        ['POST', 'stores'],
        ['PUT', 'stores/other'],
        ['PATCH', 'stores/main'],
        ['PUT', 'buckets/other'],
      ] as const) {
        const answer = await callAdmin(gateway, method, path, { body: { endpoint } })
        await expectRefused(answer, { status: 404, code: 'NoSuchRoute' }, { gateway })
      }
    }
  })

  it('C07 400, 413: no control character and no megabyte in what an operator says', async () => {
    gateway = await openTestGateway()
    const credit = { id: 'c', tenant: 'acme', policy: 'tenant-stored', delta: 5 }
    for (const reason of ['a\nb', '\u001b[31mred', 'a\u0000', 'a\u202eb', 'x'.repeat(501), '']) {
      const body = { ...credit, reason }
      const answer = await callAdmin(gateway, 'POST', 'adjustments', { body })
      await expectRefused(answer, { status: 400, code: 'InvalidRequest' }, { gateway })
    }
    const huge = { ...credit, reason: 'x'.repeat(1_000_000) }
    const answer = await callAdmin(gateway, 'POST', 'adjustments', { body: huge })
    await expectRefused(answer, { status: 413, code: 'RequestTooLarge' }, { gateway })
    expect(new Set(gateway.audited.map(({ event }) => event))).toEqual(new Set(['admin.refused']))
    expect(gateway.audited.filter((event) => 'reason' in event)).toEqual([])
    gateway.audited.length = 0
    const odd = { ...credit, reason: '"}{"event":"x" \u00e9 \ud83d\ude00 <b>' }
    expect((await callAdmin(gateway, 'POST', 'adjustments', { body: odd })).status).toBe(201)
    expect(new Set(gateway.audited.map(({ reason }) => reason))).toEqual(new Set([odd.reason]))
    expect(gateway.log.filter((line) => line.includes('\n') || line.includes('\u001b'))).toEqual([])
  })
})
