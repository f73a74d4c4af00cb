import { describe, expect, it } from 'vitest'
import { USUAL_EVENTS } from '../../../src/stores/events/event-settings.ts'
import { PROVIDERS, profileOf } from '../../../src/stores/profile-of.ts'
import { NO_TRAITS } from '../../../src/stores/traits.ts'
import { deliver, sample, settingsOf } from './events-fixture.ts'

const ID = expect.stringMatching(/^[0-9a-f]{32}$/)

/** A sample with other members at its top, or at its only event's. */
function changed(name: string, changes: object): object {
  const body = JSON.parse(sample(name))
  Object.assign(body.events?.[0] ?? body, changes)
  return body
}

/** What each kind of name, set in a sample, is taken for. */
function namesOf(cases: Readonly<Record<string, readonly string[]>>): [string, string][] {
  return Object.entries(cases).flatMap(([type, names]) =>
    names.map((name): [string, string] => [name, type]),
  )
}

describe('EventBridge', () => {
  it('is read with a key that may be encoded, or not', async () => {
    const body = sample('event-bridge').replace('example-key', 'red+flower%20.jpg')
    expect(await deliver(settingsOf('aws'), body)).toEqual([
      {
        shape: 'aws',
        bucket: 'my-bucket',
        keys: ['red+flower%20.jpg', 'red flower .jpg'],
        type: 'created',
        cause: 'put',
        versionId: 'IYV3p45BT0ac8hjHg1houSdS1a.Mro8e',
        sequencer: '617f08299329d189',
        etag: 'b1946ac92492d2347c6235b4d2611184',
        eventTime: '2021-11-12T00:00:00Z',
        id: ID,
      },
    ])
  })

  it('tells by its own id what came twice', async () => {
    const first = await deliver(settingsOf('aws'), sample('event-bridge'))
    const again = await deliver(settingsOf('aws'), changed('event-bridge', { time: 'later' }))
    const other = await deliver(settingsOf('aws'), changed('event-bridge', { id: 'other' }))
    expect(again[0]?.id).toBe(first[0]?.id)
    expect(other[0]?.id).not.toBe(first[0]?.id)
  })

  it.each([
    ['PutObject', 'put'],
    ['POST Object', 'post'],
    ['CopyObject', 'copy'],
    ['CompleteMultipartUpload', 'multipart'],
    ['Other', undefined],
  ])('has the cause %s', async (reason, cause) => {
    const body = JSON.parse(sample('event-bridge'))
    body.detail.reason = reason
    const [event] = await deliver(settingsOf('aws'), body)
    expect(event).toMatchObject({ type: 'created' })
    expect(event?.cause).toBe(cause)
  })

  it('takes a deletion for one unless it leaves a marker', async () => {
    for (const [how, type] of [
      ['Permanently Deleted', 'removed'],
      ['Delete Marker Created', 'other'],
    ]) {
      const body = JSON.parse(sample('event-bridge'))
      body['detail-type'] = 'Object Deleted'
      body.detail['deletion-type'] = how
      expect(await deliver(settingsOf('aws'), body)).toMatchObject([{ type }])
    }
  })
})

describe('R2', () => {
  it('is read as its queue has it', async () => {
    expect(await deliver(settingsOf('r2'), sample('r2'))).toEqual([
      {
        shape: 'r2',
        bucket: 'my-bucket',
        keys: ['my-new-object'],
        type: 'created',
        cause: 'put',
        etag: 'c846ff7a18f28c2e262116d6e8719ef0',
        eventTime: '2024-05-24T19:36:44.379Z',
        id: ID,
      },
    ])
  })

  it.each(
    namesOf({
      created: ['PutObject', 'CopyObject', 'CompleteMultipartUpload'],
      removed: ['DeleteObject', 'LifecycleDeletion'],
      other: ['AbortMultipartUpload', 'toString'],
    }),
  )('takes %s for %s', async (action, type) => {
    expect(await deliver(settingsOf('r2'), changed('r2', { action }))).toMatchObject([{ type }])
  })
})

describe('B2', () => {
  it('is read with its own id', async () => {
    expect(await deliver(settingsOf('b2'), sample('b2'))).toEqual([
      {
        shape: 'b2',
        bucket: 'my-bucket',
        keys: ['photos/dog.jpg'],
        type: 'created',
        cause: 'put',
        versionId: 'v-1',
        eventTime: '1700000000000',
        id: ID,
      },
    ])
    const [first] = await deliver(settingsOf('b2'), sample('b2'))
    const [same] = await deliver(settingsOf('b2'), changed('b2', { objectVersionId: 'v-2' }))
    expect(same?.id).toBe(first?.id)
  })

  it.each(
    namesOf({
      created: ['Upload', 'MultipartUpload', 'Copy', 'Replica'].map(
        (how) => `b2:ObjectCreated:${how}`,
      ),
      removed: ['b2:ObjectDeleted:Delete', 'b2:ObjectDeleted:LifecycleRule'],
      other: ['b2:HideMarkerCreated:Hide', 'b2:MultipartUploadCreated:LiveRead'],
    }),
  )('takes %s for %s', async (eventType, type) => {
    expect(await deliver(settingsOf('b2'), changed('b2', { eventType }))).toMatchObject([{ type }])
  })

  it('says nothing by its test', async () => {
    const test = { eventType: 'b2:TestEvent', objectName: '', bucketName: 'my-bucket' }
    expect(await deliver(settingsOf('b2'), { events: [test] })).toEqual([])
  })
})

describe('Tigris', () => {
  it('is read', async () => {
    expect(await deliver(settingsOf('tigris'), sample('tigris'))).toMatchObject([
      {
        shape: 'tigris',
        bucket: 'my-bucket',
        keys: ['a/b.jpg'],
        type: 'created',
        cause: 'put',
        eventTime: '2024-01-02T03:04:05Z',
      },
    ])
  })

  it.each(
    namesOf({
      created: ['OBJECT_CREATED_PUT', 'OBJECT_CREATED_MULTIPART', 'OBJECT_CREATED_COPY'],
      removed: ['OBJECT_DELETED'],
      other: ['OBJECT_ACCESSED', '__proto__'],
    }),
  )('takes %s for %s', async (eventName, type) => {
    const body = changed('tigris', { eventName })
    expect(await deliver(settingsOf('tigris'), body)).toMatchObject([{ type }])
  })
})

describe('GCS', () => {
  it('is read from the attributes of a push', async () => {
    expect(await deliver(settingsOf('gcs'), sample('gcs'))).toEqual([
      {
        shape: 'gcs',
        bucket: 'my-bucket',
        keys: ['a/b.jpg'],
        type: 'created',
        eventTime: '2024-01-02T03:04:05Z',
        id: ID,
      },
    ])
  })

  it.each([
    ['OBJECT_FINALIZE', {}, 'created'],
    ['OBJECT_DELETE', {}, 'removed'],
    ['OBJECT_DELETE', { overwrittenByGeneration: '2' }, 'other'],
    ['OBJECT_ARCHIVE', {}, 'other'],
    ['OBJECT_METADATA_UPDATE', {}, 'other'],
  ])('takes %s %o for %s', async (eventType, more, type) => {
    const body = JSON.parse(sample('gcs'))
    Object.assign(body.message.attributes, { eventType, ...more })
    expect(await deliver(settingsOf('gcs'), body)).toMatchObject([{ type }])
  })
})

describe('SeaweedFS', () => {
  it('is read from the path of its filer', async () => {
    expect(await deliver(settingsOf('seaweedfs'), sample('seaweedfs'))).toEqual([
      { shape: 'seaweedfs', bucket: 'my-bucket', keys: ['a/b.jpg'], type: 'created', id: ID },
    ])
  })

  it.each(
    namesOf({ created: ['create', 'update'], removed: ['delete'], other: ['rename', 'valueOf'] }),
  )('takes %s for %s', async (event_type, type) => {
    const body = changed('seaweedfs', { event_type })
    expect(await deliver(settingsOf('seaweedfs'), body)).toMatchObject([{ type }])
  })

  it.each([
    '/buckets/my-bucket/.uploads/4f/0001.part',
    '/buckets/my-bucket',
    '/buckets/my-bucket/',
    '/buckets//a',
    '/etc/iam/identity.json',
    'buckets/my-bucket/a',
  ])('says nothing of an object by the path %s', async (key) => {
    expect(await deliver(settingsOf('seaweedfs'), changed('seaweedfs', { key }))).toEqual([])
  })
})

describe('the usual proof and keys of a shape', () => {
  it.each(PROVIDERS)('are those of the profile %s', (provider) => {
    const { shape, auth, keys } = profileOf(provider)?.traits.events ?? NO_TRAITS.events
    if (shape !== 'none') expect(USUAL_EVENTS[shape]).toEqual({ auth, keys })
    else expect({ auth, keys }).toEqual({ auth: 'none', keys: 'raw' })
  })
})

describe('a store', () => {
  const bodies = {
    aws: 'aws-record',
    minio: 'minio-record',
    ceph: 'ceph-record',
    r2: 'r2',
    b2: 'b2',
    tigris: 'tigris',
    gcs: 'gcs',
    seaweedfs: 'seaweedfs',
  } as const
  const shapes = Object.keys(bodies) as (keyof typeof bodies)[]

  it.each(shapes)('400: one of shape %s sends no other', async (shape) => {
    for (const other of [...shapes.filter((name) => name !== shape), 'bridge', 'storj'] as const) {
      if (shape === 'aws' && other === 'bridge') continue
      const name =
        other === 'bridge' ? 'event-bridge' : other === 'storj' ? 'storj-record' : bodies[other]
      await expect(deliver(settingsOf(shape), sample(name)), name).rejects.toMatchObject({
        status: 400,
      })
    }
  })
})
