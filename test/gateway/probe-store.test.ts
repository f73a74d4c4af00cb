import { describe, expect, it } from 'vitest'
import { probeStore } from '../../src/gateway/probe-store.ts'
import {
  type cephStore,
  createTestBucket,
  describeOnCeph,
  embeddedStore,
} from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway } from '../support/test-gateway.ts'

/** A gateway whose only store is a real one of which nothing is known beforehand. */
async function gatewayOn(
  real: NonNullable<ReturnType<typeof cephStore>> | ReturnType<typeof embeddedStore>,
  credentials: unknown = real.credentials.main,
) {
  const bucket = await createTestBucket(real)
  const gateway = await openTestGateway({
    clock: new TestClock(Date.now()),
    store: { endpoint: real.endpoint, region: real.region, credentials, capabilities: {} },
    bucket: { placements: [{ store: 'main', bucket }] },
  })
  const [placement] = [...gateway.context.config.buckets.values()].map(
    ({ placements }) => placements[0],
  )
  if (placement === undefined) throw new Error('no placement')
  const probe = () => probeStore(gateway.context, fetch, placement)
  return { gateway, placement, probe }
}

describe('the probe on the embedded store', () => {
  it('sees what it keeps and what it only seems to keep', async () => {
    const { gateway, probe } = await gatewayOn(embeddedStore())
    expect(await probe()).toEqual({
      signedLength: 'yes',
      signedType: 'yes',
      writeOnce: 'ignored',
      ifMatch: 'ignored',
      unsignedCopySource: 'closed',
      writeCredentialReads: 'yes',
      checksumSha256: 'no',
      payloadHash: 'no',
      responseOverrides: 'yes',
    })
    await gateway.close()
  })
})

describeOnCeph('the probe on Ceph', (ceph) => {
  it('finds the copy hole, write-once and the bare ETag, and leaves nothing behind', async () => {
    const { gateway, placement, probe } = await gatewayOn(ceph)
    expect(await probe()).toEqual({
      signedLength: 'yes',
      signedType: 'yes',
      writeOnce: 'if-none-match',
      ifMatch: 'bare',
      unsignedCopySource: 'open',
      writeCredentialReads: 'yes',
      checksumSha256: 'no',
      payloadHash: 'yes',
      responseOverrides: 'yes',
    })
    const left = await gateway.context.storeClient.list(placement, { prefix: '', limit: 10 })
    expect(left.objects).toEqual([])
    await gateway.close()
  })

  it('sees that a write-only credential closes the hole, so uploads are signed', async () => {
    const { main, write, read } = ceph.credentials
    const { gateway, probe } = await gatewayOn(ceph, { write, read, manage: main })
    const upload = { bucket: 'media', key: 'acme/alice/a', sizeBytes: 5, contentType: 'text/plain' }
    const before = await gateway.call('POST', '/v1/uploads', upload)
    expect([before.status, (await before.json()).capability]).toEqual([422, 'unsignedCopySource'])
    const seen = await probe()
    expect(seen).toMatchObject({ unsignedCopySource: 'closed', writeCredentialReads: 'no' })
    gateway.context.storeTruth.adopt('main', seen)
    const after = await gateway.call('POST', '/v1/uploads', upload)
    expect([after.status, (await after.json()).guarantees.writeOnce]).toEqual([201, true])
    await gateway.close()
  })
})

describe('the probe', () => {
  it('says nothing about a store that does not answer', async () => {
    const gateway = await openTestGateway({ store: { capabilities: {} } })
    const [placement] = [...gateway.context.config.buckets.values()].map(
      ({ placements }) => placements[0],
    )
    if (placement === undefined) throw new Error('no placement')
    await expect(probeStore(gateway.context, fetch, placement)).rejects.toMatchObject({
      code: 'StoreUnavailable',
    })
    await gateway.close()
  })
})
