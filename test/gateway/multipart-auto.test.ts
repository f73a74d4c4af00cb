import { afterEach, describe, expect, it } from 'vitest'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import {
  describeOnCeph,
  embeddedStore,
  realStores,
  type StoreUnderTest,
} from '../support/stores/stores-under-test.ts'
import { type TestGatewayOptions, uploadBody } from '../support/test-gateway.ts'
import { type Created, type GatewayOnStore, storeSettings } from './gateway-on-store.ts'
import { type CreatedParts, gatewayForParts, PART_BYTES, putParts } from './multipart-fixture.ts'

const MIB = 2 ** 20
/** The least that a bucket may set. */
const THRESHOLD = 5 * MIB
const LARGEST_PUT = 6 * MIB

type Answer = Created & Partial<CreatedParts> & { readonly guarantees: Record<string, unknown> }

let gateway: GatewayOnStore
afterEach(() => gateway.close())

async function open(
  store: StoreUnderTest,
  more: Record<string, unknown> = {},
  upload: Record<string, unknown> = { multipartThresholdBytes: THRESHOLD },
): Promise<void> {
  const known = storeSettings(store).capabilities as Record<string, unknown>
  const capabilities = { ...known, multipart: 'yes', writeOnceMultipart: 'no', ...more }
  const options: TestGatewayOptions = { store: { capabilities }, bucket: { upload } }
  gateway = await gatewayForParts(store, options)
}

const auto = async (sizeBytes: number, more: Record<string, unknown> = {}): Promise<Answer> =>
  (await gateway.create({ mode: 'auto', sizeBytes, ...more })) as Answer

/** The form of a grant, and in how many requests the bytes go. */
function formOf({ request, multipart }: Answer): string {
  if (multipart !== undefined) return `${multipart.partCount} parts`
  return request === undefined ? 'nothing' : 'put'
}

describe.each(realStores())('mode auto on $kind', (store) => {
  const once = store.kind === 'ceph' ? { writeOnce: false } : {}

  it('is one PUT up to the threshold and parts above it, with the same guarantees', async () => {
    await open(
      store,
      { preferredPartBytes: PART_BYTES },
      { multipartThresholdBytes: THRESHOLD, ...once },
    )
    const at = await auto(THRESHOLD)
    const above = await auto(THRESHOLD + 1, { key: 'acme/alice/above' })
    expect([formOf(at), formOf(above)]).toEqual(['put', '2 parts'])
    const { size, contentType, writeOnce, checksum } = at.guarantees
    expect(above.guarantees).toMatchObject({ size, contentType, writeOnce, checksum })
    expect(size).toBe('exact')
    await putParts(above.multipart?.parts ?? [])
    expect((await gateway.complete(above.id)).status).toBe(200)
    expect(await gateway.sizeAtStore(above.key)).toBe(THRESHOLD + 1)
    expect(await gateway.put(at, THRESHOLD)).toBe(200)
    expect((await gateway.complete(at.id)).status).toBe(200)
    expect((await gateway.usage())['tenant-stored']).toEqual({
      used: 2 * THRESHOLD + 1,
      pending: 0,
    })
  })

  it('is parts above the largest PUT, for there is nothing else; mode put is 422 there', async () => {
    await open(
      store,
      { maxPutBytes: LARGEST_PUT },
      { multipartThresholdBytes: LARGEST_PUT, ...once },
    )
    expect(formOf(await auto(LARGEST_PUT))).toBe('put')
    const above = await auto(LARGEST_PUT + 1, { key: 'acme/alice/above' })
    expect(formOf(above)).toBe('1 parts')
    await putParts(above.multipart?.parts ?? [])
    expect((await gateway.complete(above.id)).status).toBe(200)
    const before = stateOf(gateway)
    const ask = (sizeBytes: number) =>
      gateway.call('POST', '/v1/uploads', uploadBody({ mode: 'put', sizeBytes }))
    const refusal = { status: 422, code: 'UnsupportedByStore' } as const
    const problem = await expectRefused(await ask(LARGEST_PUT + 1), refusal, { gateway, before })
    expect(problem.capability).toBe('maxPutBytes')
    expect((await ask(LARGEST_PUT)).status).toBe(201)
  })
})

describeOnCeph('mode auto where a PUT is write-once and parts are not', (ceph) => {
  it('stays one PUT above the threshold, which promises more', async () => {
    await open(ceph)
    const above = await auto(THRESHOLD + 1)
    expect([formOf(above), above.guarantees.writeOnce]).toEqual(['put', true])
  })

  it('422: above the largest PUT where the bucket demands it; without, it says that it is not', async () => {
    const upload = { multipartThresholdBytes: THRESHOLD }
    await open(ceph, { maxPutBytes: LARGEST_PUT }, { ...upload, writeOnce: true })
    const sizeBytes = LARGEST_PUT + 1
    const answer = await gateway.call('POST', '/v1/uploads', uploadBody({ sizeBytes }))
    const problem = await expectRefused(answer, { status: 422, code: 'UnsupportedByStore' })
    expect(problem.capability).toBe('writeOnceMultipart')
    await gateway.close()
    await open(ceph, { maxPutBytes: LARGEST_PUT }, upload)
    const above = await auto(sizeBytes)
    expect([formOf(above), above.guarantees.writeOnce]).toEqual(['1 parts', false])
  })
})

describe('mode auto', () => {
  it('cuts into larger parts where the store would not take as many', async () => {
    await open(embeddedStore(), { maxParts: 2, preferredPartBytes: PART_BYTES })
    const most = await auto(2 * PART_BYTES)
    expect(most.multipart).toMatchObject({ partSizeBytes: PART_BYTES, partCount: 2 })
    const more = await auto(2 * PART_BYTES + 1, { key: 'acme/alice/more' })
    expect(more.multipart).toMatchObject({ partSizeBytes: PART_BYTES + MIB, partCount: 2 })
    await putParts(more.multipart?.parts ?? [])
    expect((await gateway.complete(more.id)).status).toBe(200)
    expect(await gateway.sizeAtStore(more.key)).toBe(2 * PART_BYTES + 1)
  })

  it('422: an object that even the largest parts do not hold', async () => {
    const few = { maxParts: 2, maxPartBytes: LARGEST_PUT, maxPutBytes: LARGEST_PUT }
    await open(embeddedStore(), few)
    expect(formOf(await auto(2 * LARGEST_PUT))).toBe('2 parts')
    const sizeBytes = 2 * LARGEST_PUT + 1
    const answer = await gateway.call('POST', '/v1/uploads', uploadBody({ sizeBytes }))
    const problem = await expectRefused(answer, { status: 422, code: 'UnsupportedByStore' })
    expect(problem.capability).toBe('multipart')
  })
})
