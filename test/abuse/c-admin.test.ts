import { afterEach, describe, expect, it } from 'vitest'
import { configText, load, problemsOf } from '../config/config-fixture.ts'
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
})
