import { afterEach, describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import { realStores } from '../support/stores/stores-under-test.ts'
import type { GatewayOnStore } from './gateway-on-store.ts'
import { gatewayForParts, THREE_PARTS_BYTES } from './multipart-fixture.ts'

let gateway: GatewayOnStore
afterEach(() => gateway.close())

// The embedded store keeps no class, and takes any.
const strict = realStores().filter(({ kind }) => kind !== 'embedded')

describe.each(strict)('an upload in parts that $kind will not begin', (store) => {
  it('422: a class of storage that it has not; what was reserved is free at once', async () => {
    const upload = { storageClasses: ['GLACIER'] }
    gateway = await gatewayForParts(store, { bucket: { upload } })
    const refused = await gateway.call('POST', '/v1/uploads', {
      bucket: 'media',
      key: 'acme/alice/cold.jpg',
      sizeBytes: THREE_PARTS_BYTES,
      contentType: 'image/jpeg',
      storageClass: 'GLACIER',
      mode: 'multipart',
    })
    const unsupported = { status: 422, code: 'UnsupportedByStore' } as const
    const problem = await expectRefused(refused, unsupported, { gateway })
    expect(problem).toMatchObject({ capability: 'storageClass' })
    expect(await gateway.usage()).toMatchObject({
      'tenant-stored': { used: 0, pending: 0 },
      'user-pending': { used: 0, pending: 0 },
    })
  })
})
