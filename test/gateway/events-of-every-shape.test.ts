import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { EVENT_SECRET, sample } from '../stores/events/events-fixture.ts'
import { embeddedStore } from '../support/stores/stores-under-test.ts'
import { until } from '../support/until.ts'
import { gatewayForEvents } from './gateway-for-events.ts'

/** Holds what keys are written in different ways for: a space, a plus and a percent sign. */
const NAME = 'my file+1 100%.txt'

/** A sample with another bucket and key in it, as that provider writes them. */
interface Shape {
  /** File of the sample, without its ending. */
  readonly file: string
  readonly shape: string
  readonly bucket: string
  readonly key: string
  readonly write: (key: string) => string
  /** What stands around it on the wire. Default: nothing. */
  readonly wrapped?: (text: string) => object
  /** What proves it. Default: the secret as bearer token. */
  readonly proof?: (body: string) => Record<string, string>
}

const asForm = (key: string) => encodeURIComponent(key).replaceAll('%20', '+')
const asItIs = (key: string) => key

const SHAPES: readonly Shape[] = [
  { file: 'aws-record', shape: 'aws', bucket: 'my-bucket', key: 'red+flower.jpg', write: asForm },
  {
    file: 'aws-record',
    shape: 'aws',
    bucket: 'my-bucket',
    key: 'red+flower.jpg',
    write: asForm,
    wrapped: (body) => ({ Records: [{ messageId: 'm1', eventSource: 'aws:sqs', body }] }),
  },
  { file: 'event-bridge', shape: 'aws', bucket: 'my-bucket', key: 'example-key', write: asItIs },
  { file: 'minio-record', shape: 'minio', bucket: 'test-bucket', key: 'image.jpg', write: asForm },
  {
    file: 'minio-record',
    shape: 'rustfs',
    bucket: 'test-bucket',
    key: 'image.jpg',
    write: asForm,
    wrapped: (body) => JSON.parse(body.replaceAll('minio:s3', 'rustfs:s3')),
  },
  {
    file: 'ceph-record',
    shape: 'ceph',
    bucket: 'mybucket1',
    key: 'myimage1.jpg',
    write: asItIs,
    wrapped: (body) => JSON.parse(body.replace('<event secret>', EVENT_SECRET)),
    proof: () => ({}),
  },
  { file: 'r2', shape: 'r2', bucket: 'my-bucket', key: 'my-new-object', write: asItIs },
  {
    file: 'b2',
    shape: 'b2',
    bucket: 'my-bucket',
    key: 'photos/dog.jpg',
    write: asItIs,
    proof: (body) => {
      const digest = createHmac('sha256', EVENT_SECRET).update(body).digest('hex')
      return { 'x-bz-event-notification-signature': `v1=${digest}` }
    },
  },
  { file: 'tigris', shape: 'tigris', bucket: 'my-bucket', key: 'a/b.jpg', write: asItIs },
  {
    file: 'storj-record',
    shape: 'storj',
    bucket: 'my-bucket',
    key: 'uploads/video.mp4',
    write: asItIs,
    wrapped: (body) => ({
      message: { data: Buffer.from(body).toString('base64'), messageId: '1', attributes: {} },
      subscription: 'projects/p/subscriptions/s',
    }),
  },
  { file: 'gcs', shape: 'gcs', bucket: 'my-bucket', key: 'a/b.jpg', write: asItIs },
  { file: 'seaweedfs', shape: 'seaweedfs', bucket: 'my-bucket', key: 'a/b.jpg', write: asItIs },
]

/** The sample about another object: nothing else in it is as it was sent, and nothing else counts. */
function about(shape: Shape, { bucket, key }: { bucket: string; key: string }): string {
  const { file, write, wrapped } = shape
  const inJson = (value: string) => JSON.stringify(value).slice(1, -1)
  const text = sample(file)
    .replaceAll(shape.bucket, bucket)
    .replaceAll(shape.key, inJson(write(key)))
  return wrapped === undefined ? text : JSON.stringify(wrapped(text))
}

describe('an event in the shape of its provider', () => {
  it.each(SHAPES.map((shape) => [shape.shape, shape.file, shape] as const))(
    '202: settles an upload that nobody has completed: %s, %s',
    async (_, __, shape) => {
      const gateway = await gatewayForEvents(embeddedStore(), {
        store: {
          events: {
            secret: EVENT_SECRET,
            shape: shape.shape,
            ...((shape.shape === 'gcs' || shape.shape === 'storj') && PUSH),
          },
        },
      })
      try {
        const upload = await gateway.create({ key: `acme/alice/${NAME}` })
        expect(await gateway.put(upload)).toBe(200)
        const body = about(shape, { bucket: gateway.storeBucket, key: upload.key })
        const { proof = () => ({ authorization: `Bearer ${EVENT_SECRET}` }) } = shape
        const strange = await gateway.deliver(body.replaceAll(EVENT_SECRET, 'guessed'), {})
        expect(strange.status).toBe(401)
        const answer = await gateway.deliver(body, proof(body))
        expect(answer.status).toBe(202)
        await until('it is settled', async () => (await gateway.status(upload.id)) === 'completed')
        expect((await gateway.usage())['tenant-stored']).toMatchObject({ used: 1_000, pending: 0 })
      } finally {
        await gateway.close()
      }
    },
  )
})

/** What Pub/Sub's own tokens would be for; a forwarder shows the secret. */
const PUSH = { audience: 'https://signet.example', serviceAccount: 'push@p.example' }
