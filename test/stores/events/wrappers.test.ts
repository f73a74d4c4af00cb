import { describe, expect, it } from 'vitest'
import { deliver, EVENT_SECRET, sample, settingsOf } from './events-fixture.ts'

const aws = settingsOf('aws')
const minio = settingsOf('minio')
const s3 = sample('aws-record')
const FLOWER = { bucket: 'my-bucket', keys: ['red flower.jpg'] }
const badRequest = { code: 'InvalidRequest', status: 400 }
const tooMany = { code: 'RequestTooLarge', status: 413 }

const sqs = (...bodies: string[]) => ({
  Records: bodies.map((body, nth) => ({ messageId: `m${nth}`, body, eventSource: 'aws:sqs' })),
})
const sns = (Message: string, MessageId = 's1') =>
  JSON.stringify({ ...JSON.parse(sample('sns-envelope')), Message, MessageId })
const lambdaSns = (Message: string) => ({
  Records: [{ EventSource: 'aws:sns', Sns: { Type: 'Notification', MessageId: 's1', Message } }],
})
const records = (count: number) => {
  const [record] = JSON.parse(sample('minio-record')).Records
  return { Records: Array.from({ length: count }, () => record) }
}

describe('what is around records, from a forwarder', () => {
  it.each([
    ['SQS by Lambda', sqs(s3)],
    ['SQS by ReceiveMessage', { Messages: [{ MessageId: 'm0', Body: s3 }] }],
    ['SNS', sns(s3)],
    ['SNS by Lambda', lambdaSns(s3)],
    ['SNS in SQS', sqs(sns(s3))],
    ['a list', [JSON.parse(s3)]],
    ['SNS in SQS in a list', [sqs(sns(s3))]],
  ])('%s', async (_, body) => {
    expect(await deliver(aws, body)).toMatchObject([FLOWER])
  })

  it('EventBridge in SQS', async () => {
    expect(await deliver(aws, sqs(sample('event-bridge')))).toMatchObject([
      { bucket: 'my-bucket', keys: ['example-key'] },
    ])
  })

  it('a list of R2’s messages, as a Worker has them', async () => {
    const message = JSON.parse(sample('r2'))
    expect(await deliver(settingsOf('r2'), [message, message])).toHaveLength(2)
  })

  it.each([
    ['SQS in SQS', sqs(JSON.stringify(sqs(s3)))],
    ['SQS in SNS', sns(JSON.stringify(sqs(s3)))],
    ['SNS in SNS', sns(sns(s3))],
    ['a list in a list', [[JSON.parse(s3)]]],
    ['a list in SQS', sqs(`[${s3}]`)],
    ['a push in SQS', sqs(sample('gcs'))],
  ])('400: %s', async (_, body) => {
    await expect(deliver(aws, body)).rejects.toMatchObject(badRequest)
  })

  it.each([
    ['no JSON', 'no JSON'],
    ['nothing', ''],
    ['a number', '7'],
    ['a text', '"text"'],
    ['null', 'null'],
    ['a list with null in it', '[null]'],
    ['no UTF-8', new Uint8Array([0x22, 0xff, 0x22])],
    ['a member __proto__', '{"Records":[],"__proto__":{}}'],
    ['too deep', `{"Records":[],"a":${'['.repeat(65)}${']'.repeat(65)}}`],
    ['something else', '{}'],
    ['records that are none', '{"Records":[7]}'],
    ['SQS without a body', JSON.stringify({ Records: [{ eventSource: 'aws:sqs' }] })],
    ['SQS with a body that is no JSON', JSON.stringify(sqs('hello'))],
    ['a notification that is no JSON', sns('hello')],
    ['an SNS record without envelope', '{"Records":[{"EventSource":"aws:sns"}]}'],
  ])('400: %s', async (_, body) => {
    await expect(deliver(aws, body)).rejects.toMatchObject(badRequest)
  })

  it('takes what is deep enough for all, and no deeper', async () => {
    const body = `{"Records":[],"a":${'['.repeat(64)}${']'.repeat(64)}}`
    expect(await deliver(aws, body)).toEqual([])
  })

  it.each([
    ['S3’s test', 'aws', '{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"my-bucket"}'],
    ['no records', 'minio', '{"Records":[]}'],
    ['an empty list', 'r2', '[]'],
    ['an unsubscription', 'aws', '{"Type":"UnsubscribeConfirmation","Message":"You have chosen"}'],
  ] as const)('has no event in %s', async (_, shape, body) => {
    expect(await deliver(settingsOf(shape), body)).toEqual([])
  })

  it('has no event in Storj’s test', async () => {
    const test = { Service: 'Storj S3', Event: 's3:TestEvent', Bucket: 'my-bucket' }
    const data = Buffer.from(JSON.stringify(test)).toString('base64')
    const push = { message: { data, messageId: '1' }, subscription: 's' }
    expect(await deliver(settingsOf('storj'), push)).toEqual([])
  })

  it('tells by the innermost message what came twice, and its records apart', async () => {
    const two = JSON.parse(s3)
    two.Records.push(two.Records[0])
    const ids = async (body: object | string) => (await deliver(aws, body)).map(({ id }) => id)
    const [first, second] = await ids(sns(JSON.stringify(two)))
    expect(first).not.toBe(second)
    expect(await ids(sqs(sns(JSON.stringify(two))))).toEqual([first, second])
    expect(await ids(sns(JSON.stringify(two), 's2'))).not.toContain(first)
    const [inSqs, other] = await ids(sqs(s3, s3))
    expect(inSqs).not.toBe(other)
    expect(await ids(sqs(s3))).toEqual([inSqs])
  })
})

describe('how much is taken at once', () => {
  it('takes 1,000 records; 413: one more, however they are spread', async () => {
    expect(await deliver(minio, records(1_000))).toHaveLength(1_000)
    await expect(deliver(minio, records(1_001))).rejects.toMatchObject(tooMany)
    await expect(deliver(minio, [records(500), records(501)])).rejects.toMatchObject(tooMany)
    await expect(
      deliver(
        minio,
        Array.from({ length: 1_001 }, () => ({ Records: [] })),
      ),
    ).rejects.toMatchObject(tooMany)
  })

  it('413: 100,000 records', async () => {
    const body = `{"Records":[${'{},'.repeat(99_999)}{}]}`
    await expect(deliver(minio, body)).rejects.toMatchObject(tooMany)
  })

  it('401: as many without a proof', async () => {
    const body = `{"Records":[${'{},'.repeat(99_999)}{}]}`
    for (const shape of ['minio', 'ceph'] as const) {
      const refused = deliver(settingsOf(shape), body, { headers: {} })
      await expect(refused).rejects.toMatchObject({ status: 401 })
    }
    const own = records(1_001).Records.map((record) => ({ ...record, opaqueData: EVENT_SECRET }))
    const proven = deliver(settingsOf('ceph'), { Records: own }, { headers: {} })
    await expect(proven).rejects.toMatchObject(tooMany)
  })
})
