import { afterEach, expect, it } from 'vitest'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

let gateway: TestGateway
afterEach(() => gateway.close())

it('metrics have no label that a caller made up: buckets, paths, methods, parameters', async () => {
  gateway = await openTestGateway({ tenants: { 'tenant-canary': ['user-canary'] } })
  const who = 'tenant-canary/user-canary'
  const key = 'tenant-canary/user-canary/key-canary.jpg'
  for (const changes of [{ key }, { key: 'elsewhere-canary' }, { bucket: 'bucket-canary', key }]) {
    await gateway.call('POST', '/v1/uploads', uploadBody(changes), { who })
    await gateway.call('POST', '/v1/downloads', { bucket: 'media', ...changes, x: 1 }, { who })
  }
  for (const path of [`/v1/objects/bucket-canary/${key}`, '/v1/path-canary?q-canary=1']) {
    await gateway.call('GET', path, undefined, { who })
    await gateway.call('CANARY', path, undefined, { who })
  }
  const text = await (await gateway.admin.request('/metrics')).text()
  expect(text).toContain('signet_uploads_refused_total{bucket="unknown",code="AccessDenied"')
  expect(text).toContain('signet_uploads_refused_total{bucket="media",code="AccessDenied"')
  expect(text).not.toMatch(/canary/i)
})
