import { describe, expect, it } from 'vitest'
import { probeStore } from '../../src/gateway/probe-store.ts'
import {
  describeOnCeph,
  describeOnSwift,
  embeddedStore,
  storeClient,
} from '../support/stores/stores-under-test.ts'
import { openTestGateway } from '../support/test-gateway.ts'
import { gatewayOn } from './probe-fixture.ts'

describe('the probe on the embedded store', () => {
  it('sees what it keeps and what it only seems to keep', async () => {
    await using probed = await gatewayOn(embeddedStore())
    expect(await probed.probe()).toEqual({
      signedLength: 'yes',
      signedType: 'yes',
      writeOnce: 'ignored',
      ifMatch: 'ignored',
      unsignedCopySource: 'closed',
      writeCredentialReads: 'yes',
      unsignedHeaders: 'reject',
      checksumSha256: 'no',
      payloadHash: 'no',
      contentMd5: 'no',
      responseOverrides: 'yes',
      postPolicy: 'no',
      multipart: 'yes',
      writeOnceMultipart: 'no',
      tagging: 'no',
      multipartTagging: 'no',
      encryption: 'no',
    })
  })
})

describeOnCeph('the probe on Ceph', (ceph) => {
  it('finds the copy hole, write-once and the bare ETag, and leaves nothing behind', async () => {
    await using probed = await gatewayOn(ceph)
    expect(await probed.probe()).toEqual({
      signedLength: 'yes',
      signedType: 'yes',
      writeOnce: 'if-none-match',
      ifMatch: 'bare',
      unsignedCopySource: 'open',
      writeCredentialReads: 'yes',
      unsignedHeaders: 'accept',
      checksumSha256: 'no',
      payloadHash: 'yes',
      contentMd5: 'yes',
      formHeaders: 'no',
      responseOverrides: 'yes',
      postPolicy: 'yes',
      multipart: 'yes',
      writeOnceMultipart: 'no',
      tagging: 'yes',
      multipartTagging: 'no',
      encryption: 'no',
    })
    const { gateway, placement } = probed
    const left = await gateway.context.storeClient.list(placement, { prefix: '', limit: 10 })
    expect(left.objects).toEqual([])
    const uploads = await storeClient(ceph).fetch(`${ceph.endpoint}/${placement.bucket}?uploads`)
    expect(uploads.status).toBe(200)
    expect(await uploads.text()).not.toContain('<UploadId>')
  })

  it('sees that a write-only credential closes the hole, so uploads are signed', async () => {
    const { main, write, read } = ceph.credentials
    await using probed = await gatewayOn(ceph, { credentials: { write, read, manage: main } })
    const { gateway } = probed
    const upload = { bucket: 'media', key: 'acme/alice/a', sizeBytes: 5, contentType: 'text/plain' }
    const before = await gateway.call('POST', '/v1/uploads', upload)
    expect([before.status, (await before.json()).capability]).toEqual([422, 'unsignedCopySource'])
    const report = await probed.report()
    expect(report.capabilities).toMatchObject({
      unsignedCopySource: 'closed',
      writeCredentialReads: 'no',
    })
    gateway.context.storeTruth.adopt(report)
    const after = await gateway.call('POST', '/v1/uploads', upload)
    expect([after.status, (await after.json()).guarantees.writeOnce]).toEqual([201, true])
  })
})

describeOnSwift('the probe on Swift', (swift) => {
  it('finds no forms, tags or conditions on a PUT, but write-once parts', async () => {
    await using probed = await gatewayOn(swift)
    expect(await probed.probe()).toEqual({
      signedLength: 'yes',
      // An unsigned x-detect-content-type puts a guess in its place; the profile pins it.
      signedType: 'no',
      writeOnce: 'refused',
      ifMatch: 'refused',
      unsignedCopySource: 'open',
      writeCredentialReads: 'yes',
      unsignedHeaders: 'accept',
      checksumSha256: 'no',
      payloadHash: 'no',
      contentMd5: 'yes',
      responseOverrides: 'yes',
      postPolicy: 'no',
      multipart: 'yes',
      writeOnceMultipart: 'yes',
      tagging: 'no',
      multipartTagging: 'no',
      encryption: 'no',
    })
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
