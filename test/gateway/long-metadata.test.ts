import { afterEach, describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import { describeOnSwift, realStores } from '../support/stores/stores-under-test.ts'
import type { GatewayOnStore } from './gateway-on-store.ts'
import { gatewayForParts } from './multipart-fixture.ts'

/** So many limits that the sealed ticket, which tells of each, has more than 256 characters. */
const QUOTAS = ['hour', 'day', 'week', 'month'].flatMap((window) =>
  ['user', 'tenant'].map((per) => {
    return { policy: `${per}-${window}`, per, unit: 'bytes', limit: 2 ** 40, window }
  }),
)
const LARGE_PLAN = { rates: [], quotas: QUOTAS }
const UNSUPPORTED = { status: 422, code: 'UnsupportedByStore' } as const
const wanted = {
  bucket: 'media',
  key: 'acme/alice/cat.jpg',
  sizeBytes: 1_000,
  contentType: 'image/jpeg',
}

let gateway: GatewayOnStore
afterEach(() => gateway.close())

async function expectNothingHeld(): Promise<void> {
  for (const level of Object.values(await gateway.usage())) {
    expect(level).toMatchObject({ used: 0, pending: 0 })
  }
}

describeOnSwift('metadata on Swift, which takes 256 bytes a value', (swift) => {
  it.each(['put', 'multipart'])(
    '422: a ticket that is too long for it, mode "%s", and nothing is held',
    async (mode) => {
      gateway = await gatewayForParts(swift, { plan: LARGE_PLAN })
      const refused = await gateway.call('POST', '/v1/uploads', { ...wanted, mode })
      expect(await expectRefused(refused, UNSUPPORTED, { gateway })).toMatchObject({
        capability: 'metadata',
      })
      await expectNothingHeld()
    },
  )

  it('422: a batch of such tickets', async () => {
    gateway = await gatewayForParts(swift, { plan: LARGE_PLAN })
    const items = [wanted, { ...wanted, key: 'acme/alice/dog.jpg' }]
    const refused = await gateway.call('POST', '/v1/uploads/batch', { items })
    expect(await expectRefused(refused, UNSUPPORTED)).toMatchObject({ capability: 'metadata' })
    await expectNothingHeld()
  })

  it('201: a value of 256 bytes, which is stored; 422: one of 257, before anything is held', async () => {
    gateway = await gatewayForParts(swift)
    const upload = await gateway.create({ metadata: { note: 'x'.repeat(256) } })
    expect(await gateway.put(upload)).toBe(200)
    expect((await gateway.complete(upload.id)).status).toBe(200)
    const metadata = { note: 'x'.repeat(257) }
    const refused = await gateway.call('POST', '/v1/uploads', { ...wanted, metadata })
    expect(await expectRefused(refused, UNSUPPORTED)).toMatchObject({ capability: 'metadata' })
  })
})

describe.each(realStores().filter(({ kind }) => kind !== 'swift'))(
  'a large plan on $kind',
  (store) => {
    it('works as any other', async () => {
      gateway = await gatewayForParts(store, { plan: LARGE_PLAN })
      const upload = await gateway.create()
      expect(upload.request?.headers['x-amz-meta-signet']?.length).toBeGreaterThan(256)
      expect(await gateway.put(upload)).toBe(200)
      expect((await gateway.complete(upload.id)).status).toBe(200)
    })
  },
)
