import { describe, expect, it } from 'vitest'
import { deliver, EVENT_SECRET, sample, settingsOf } from './events-fixture.ts'

const ID = expect.stringMatching(/^[0-9a-f]{32}$/)

describe('records in the manner of S3', () => {
  it('reads MinIO’s', async () => {
    expect(await deliver(settingsOf('minio'), sample('minio-record'))).toEqual([
      {
        shape: 'minio',
        bucket: 'test-bucket',
        keys: ['image.jpg'],
        type: 'created',
        cause: 'put',
        sequencer: '182178E8B3728CAC',
        etag: 'eb52f8e46f60a27a8a1a704e25757f30',
        eventTime: '2025-02-06T01:04:31.998Z',
        id: ID,
      },
    ])
  })

  it('reads AWS’s, whose keys are form-encoded', async () => {
    expect(await deliver(settingsOf('aws'), sample('aws-record'))).toEqual([
      {
        shape: 'aws',
        bucket: 'my-bucket',
        keys: ['red flower.jpg'],
        type: 'created',
        cause: 'put',
        sequencer: '0C0F6F405D6ED209E1',
        etag: 'b21b84d653bb07b05b1e6b33684dc11b',
        eventTime: '2019-09-03T19:37:27.192Z',
        id: ID,
      },
    ])
  })

  it('reads Ceph’s, proven by the secret in it', async () => {
    const body = sample('ceph-record').replace('<event secret>', EVENT_SECRET)
    expect(await deliver(settingsOf('ceph'), body, { headers: {} })).toMatchObject([
      { shape: 'ceph', bucket: 'mybucket1', keys: ['myimage1.jpg'], type: 'created', cause: 'put' },
    ])
  })
})
