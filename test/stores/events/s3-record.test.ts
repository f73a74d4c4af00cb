import { describe, expect, it } from 'vitest'
import type { StoreEvent } from '../../../src/stores/events/store-event.ts'
import { deliver, EVENT_SECRET, sample, settingsOf } from './events-fixture.ts'

const ID = expect.stringMatching(/^[0-9a-f]{32}$/)
const minio = settingsOf('minio')

/** The sample of MinIO's with another name, or another object. */
function minioRecord(changes: { eventName?: unknown; object?: object; more?: object }) {
  const body = JSON.parse(sample('minio-record'))
  const [record] = body.Records
  if ('eventName' in changes) record.eventName = changes.eventName
  Object.assign(record.s3.object, changes.object)
  Object.assign(record, changes.more)
  return body
}

async function only(events: Promise<readonly StoreEvent[]>): Promise<StoreEvent | undefined> {
  const found = await events
  expect(found).toHaveLength(1)
  return found[0]
}

describe('records in the manner of S3', () => {
  it('reads MinIO’s', async () => {
    expect(await deliver(minio, sample('minio-record'))).toEqual([
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

  it('reads RustFS’s, which are MinIO’s under another name', async () => {
    const body = sample('minio-record').replace('minio:s3', 'rustfs:s3')
    expect(await deliver(settingsOf('rustfs'), body)).toMatchObject([
      { shape: 'rustfs', bucket: 'test-bucket', keys: ['image.jpg'], type: 'created' },
    ])
    await expect(deliver(settingsOf('rustfs'), sample('minio-record'))).rejects.toMatchObject({
      status: 400,
    })
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

  it('reads Ceph’s, whose keys stand as they are', async () => {
    const documented = sample('ceph-record').replace('<event secret>', EVENT_SECRET)
    const measured = sample('ceph-measured').replace('opaque-sync', EVENT_SECRET)
    const ceph = settingsOf('ceph')
    expect(await deliver(ceph, documented, { headers: {} })).toMatchObject([
      { shape: 'ceph', bucket: 'mybucket1', keys: ['myimage1.jpg'], type: 'created', cause: 'put' },
    ])
    expect(await deliver(ceph, measured, { headers: {} })).toEqual([
      {
        shape: 'ceph',
        bucket: 'notif-mwu5ix8j',
        keys: ['in/a b+é%.txt'],
        type: 'created',
        cause: 'put',
        sequencer: '4708056B6E6CB00D',
        etag: '5d41402abc4b2a76b9719d911017c592',
        eventTime: '2026-11-24T03:45:11.227365Z',
        id: ID,
      },
    ])
  })

  it('reads Storj’s, of which nobody knows whether keys are encoded', async () => {
    const body = sample('storj-record').replace('uploads/video.mp4', 'uploads/my+video%2B1.mp4')
    const data = Buffer.from(body).toString('base64')
    const push = { message: { data, messageId: '7' }, subscription: 'projects/p/subscriptions/s' }
    expect(await deliver(settingsOf('storj'), push)).toMatchObject([
      {
        bucket: 'my-bucket',
        keys: ['uploads/my+video%2B1.mp4', 'uploads/my video+1.mp4'],
        versionId: '000000000000000190f2277f35af0b76',
        type: 'created',
      },
    ])
  })

  it.each([
    ['s3:ObjectCreated:Put', 'created', 'put'],
    ['ObjectCreated:Post', 'created', 'post'],
    ['s3:ObjectCreated:Copy', 'created', 'copy'],
    ['ObjectCreated:CompleteMultipartUpload', 'created', 'multipart'],
    ['s3:ObjectCreated:PutRetention', 'created', undefined],
    ['ObjectCreated:constructor', 'created', undefined],
    ['ObjectCreated:CreateMultipartUpload', 'other', undefined],
    ['ObjectCreated:UploadPart', 'other', undefined],
    ['s3:ObjectRemoved:Delete', 'removed', undefined],
    ['LifecycleExpiration:Delete', 'removed', undefined],
    ['ObjectRemoved:DeleteMarkerCreated', 'other', undefined],
    ['s3:ObjectAccessed:Get', 'other', undefined],
    ['', 'other', undefined],
    [7, 'other', undefined],
  ])('takes the event name %s for %s', async (eventName, type, cause) => {
    const event = await only(deliver(minio, minioRecord({ eventName })))
    expect([event?.type, event?.cause]).toEqual([type, cause])
  })

  it.each([-1, 1e308, '1', null, 'much'])('does not look at the size %s', async (size) => {
    expect(await only(deliver(minio, minioRecord({ object: { size } })))).toMatchObject({
      keys: ['image.jpg'],
    })
  })

  /** What Ceph tells of an object with this metadata. */
  async function cephTicket(metadata: readonly { key: unknown; val: unknown }[]) {
    const pairs = '"metadata":[{"key":"x-amz-meta-owner","val":"u1"}]'
    const body = sample('ceph-measured').replace(pairs, `"metadata":${JSON.stringify(metadata)}`)
    return (await only(deliver(settingsOf('ceph'), body)))?.ticket
  }

  it('reads the sealed ticket from Ceph’s metadata, in any letter case', async () => {
    const owner = { key: 'x-amz-meta-owner', val: 'u1' }
    const sealed = { key: 'X-Amz-Meta-Signet', val: 'a' }
    expect(await cephTicket([owner])).toBeUndefined()
    expect(await cephTicket([owner, sealed, { key: 'x-amz-meta-signet', val: 'b' }])).toBe('a,b')
  })

  it('takes no ticket that is longer than any, or no text', async () => {
    const ticketOf = (val: unknown) => cephTicket([{ key: 'x-amz-meta-signet', val }])
    for (const val of ['', 'x'.repeat(4_097), 7, null, ['sealed']]) {
      expect(await ticketOf(val)).toBeUndefined()
    }
    expect(await ticketOf('x'.repeat(4_096))).toHaveLength(4_096)
  })

  it('needs nothing but bucket and key, and leaves out what is of a wrong type', async () => {
    const bare = { eventSource: 'minio:s3', s3: { bucket: { name: 'b' }, object: { key: 'k' } } }
    const bareEvent = { shape: 'minio', bucket: 'b', keys: ['k'], type: 'other', id: ID }
    expect(await deliver(minio, { Records: [bare] })).toEqual([bareEvent])
    const object = {
      key: 'k',
      versionId: 7,
      sequencer: 'no hex',
      eTag: { a: 1 },
      metadata: 'text',
    }
    const odd = { ...bare, eventTime: 7, s3: { bucket: { name: 'b' }, object } }
    expect(await deliver(minio, { Records: [odd] })).toEqual([bareEvent])
  })

  it('keeps an ETag without its quotes, and no version where it is empty or null', async () => {
    for (const versionId of ['', 'null']) {
      const object = { eTag: '"abc-2"', versionId }
      const event = await only(deliver(minio, minioRecord({ object })))
      expect(event?.etag).toBe('abc-2')
      expect(event).not.toHaveProperty('versionId')
    }
  })

  it.each([
    ['no bucket', { s3: { object: { key: 'k' } } }],
    ['an empty bucket', { s3: { bucket: { name: '' }, object: { key: 'k' } } }],
    ['a bucket that is no text', { s3: { bucket: { name: 7 }, object: { key: 'k' } } }],
    ['no key', { s3: { bucket: { name: 'b' }, object: {} } }],
    ['an empty key', { s3: { bucket: { name: 'b' }, object: { key: '' } } }],
    ['nothing in it', { s3: null }],
  ])('400: a record with %s, and with it the whole delivery', async (_, more) => {
    const good = JSON.parse(sample('minio-record')).Records[0]
    const [bad] = minioRecord({ more }).Records
    await expect(deliver(minio, { Records: [good, bad] })).rejects.toMatchObject({
      code: 'InvalidRequest',
      status: 400,
    })
  })

  it('gives the same id to one event each time, and another to what differs', async () => {
    const idOf = async (changes: Parameters<typeof minioRecord>[0]) =>
      (await only(deliver(minio, minioRecord(changes))))?.id
    const first = await idOf({})
    expect(await idOf({ object: { size: 7, contentType: 'x' } })).toBe(first)
    const others = await Promise.all([
      idOf({ object: { key: 'other.jpg' } }),
      idOf({ object: { sequencer: '182178E8B3728CAD' } }),
      idOf({ object: { versionId: 'v1' } }),
      idOf({ more: { eventTime: '2025-02-06T01:04:31.999Z' } }),
      idOf({ eventName: 's3:ObjectRemoved:Delete' }),
    ])
    expect(new Set([first, ...others]).size).toBe(6)
  })
})
