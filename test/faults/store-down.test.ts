import { describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import { type StoreStub, startStoreStub } from '../support/store-stub.ts'
import { CAPABLE_STORE } from '../support/test-config.ts'
import { openTestGateway, uploadBody } from '../support/test-gateway.ts'

const WITH_PARTS = { ...CAPABLE_STORE.capabilities, multipart: 'yes', writeOnceMultipart: 'yes' }
const MODES = ['refuse', 'blackhole'] as const

/** A store that nobody listens at, or one that takes everything and never answers. */
async function storeIn(mode: (typeof MODES)[number]): Promise<StoreStub> {
  const stub = await startStoreStub('blackhole')
  if (mode === 'refuse') await stub[Symbol.asyncDispose]()
  return stub
}

describe.each(MODES)('a store that is down: %s', (mode) => {
  it('R27 put and download links are issued without any call to it; complete and parts are 503', async () => {
    const stub = await storeIn(mode)
    const gateway = await openTestGateway({
      store: { endpoint: stub.url, timeoutMs: 200, capabilities: WITH_PARTS },
      allow: {
        'acme/alice': [{ operations: ['upload', 'overwrite', 'download', 'list', 'delete'] }],
      },
    })
    const uploads = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        gateway.call('POST', '/v1/uploads', uploadBody({ key: `acme/alice/${index}` })),
      ),
    )
    const key = 'acme/alice/cat.jpg'
    const download = await gateway.call('POST', '/v1/downloads', { bucket: 'media', key })
    const items = [{ bucket: 'media', key }]
    const downloads = await gateway.call('POST', '/v1/downloads', { items })
    const opened = await gateway.call('GET', `/v1/objects/media/${key}`)
    expect(new Set(uploads.map(({ status }) => status))).toEqual(new Set([201]))
    expect([download.status, downloads.status, opened.status]).toEqual([200, 200, 307])
    expect([stub.connections(), await storeCalls(gateway.context.readMetrics)]).toEqual([0, 0])

    const [first] = uploads
    const { id } = first === undefined ? { id: '' } : await first.json()
    const refusal = { status: 503, code: 'StoreUnavailable' } as const
    const before = await usage()
    await expectRefused(await gateway.call('POST', `/v1/uploads/${id}/complete`, {}), refusal)
    expect(await storeCalls(gateway.context.readMetrics)).toBe(1)
    // What must look at the store before it signs says so, and gives back what it had reserved.
    const overwrite = uploadBody({ key, overwrite: true })
    await expectRefused(await gateway.call('POST', '/v1/uploads', overwrite), refusal)
    const parts = uploadBody({ key: 'acme/alice/parts', mode: 'multipart' })
    await expectRefused(await gateway.call('POST', '/v1/uploads', parts), refusal)
    await expectRefused(await gateway.call('DELETE', `/v1/objects/media/${key}`), refusal)
    await expectRefused(await gateway.call('GET', '/v1/objects/media'), refusal)
    expect(await usage()).toEqual(before)
    expect((await gateway.call('HEAD', `/v1/objects/media/${key}`)).status).toBe(503)
    await gateway.close()
    await stub[Symbol.asyncDispose]()

    async function usage() {
      const { limits } = await (await gateway.call('GET', '/v1/usage')).json()
      return limits.filter(({ unit }: { unit: string }) => unit !== 'requests')
    }
  })
})

/** Calls to stores, by the gateway's own count. */
async function storeCalls(readMetrics: (() => Promise<string>) | undefined): Promise<number> {
  const text = (await readMetrics?.()) ?? ''
  const lines = text.split('\n').filter((line) => /^signet_store_calls\w*\{/.test(line))
  return lines.reduce((sum, line) => sum + Number(/\} (\d+)/.exec(line)?.[1] ?? 0), 0)
}
