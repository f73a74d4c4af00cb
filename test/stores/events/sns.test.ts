import { createSign, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEventPorts } from '../../../src/runtime/event-ports.ts'
import { verifyWithCertificate } from '../../../src/runtime/x509-verify.ts'
import { createSnsCalls } from '../../../src/stores/events/sns-calls.ts'
import { isCertificateUrl, subscribeUrlOf } from '../../../src/stores/events/sns-envelope.ts'
import { selfSignedCertificate } from '../../support/self-signed-certificate.ts'
import { TestClock } from '../../support/test-clock.ts'
import {
  deliver,
  EVENT_SECRET,
  expectUnproven,
  sample,
  settingsOf,
  testPorts,
} from './events-fixture.ts'

const TOPIC = 'arn:aws:sns:us-west-2:123456789012:MyTopic'
const CERTIFICATE_URL = 'https://sns.us-west-2.amazonaws.com/SimpleNotificationService-0123.pem'
const SUBSCRIBE_URL = `https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=t0k3n`
const settings = settingsOf('aws', { topicArns: new Set([TOPIC]) })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const certificate = selfSignedCertificate(rsa)

type Envelope = Record<string, unknown>

const NOTIFIED = ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
const CONFIRMED = ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']

/** An envelope as SNS signs it; what is `undefined` is left out. */
function envelope(changes: Envelope = {}): Envelope {
  const whole: Envelope = {
    ...JSON.parse(sample('sns-envelope')),
    Message: sample('aws-record'),
    ...changes,
  }
  const fields = whole.Type === 'Notification' ? NOTIFIED : CONFIRMED
  const text = fields
    .filter((name) => whole[name] !== undefined)
    .map((name) => `${name}\n${whole[name]}\n`)
    .join('')
  const signer = createSign(whole.SignatureVersion === '2' ? 'RSA-SHA256' : 'RSA-SHA1')
  return { ...whole, Signature: signer.update(text).sign(rsa.privateKey, 'base64') }
}

function confirmation(changes: Envelope = {}): Envelope {
  return envelope({
    Type: 'SubscriptionConfirmation',
    Message: 'You have chosen to subscribe',
    Token: 't0k3n',
    SubscribeURL: SUBSCRIBE_URL,
    Subject: undefined,
    ...changes,
  })
}

/** Ports that have the certificate, and write down what is asked for. */
function snsPorts() {
  const asked: string[] = []
  const ports = testPorts({
    sns: {
      fetchCertificate(url) {
        asked.push(url)
        return Promise.resolve(url === CERTIFICATE_URL ? certificate : undefined)
      },
      confirmSubscription(url) {
        asked.push(url)
        return Promise.resolve()
      },
      verifyWithCertificate,
    },
  })
  return { asked, ports }
}

const send = (body: object, ports = snsPorts().ports) =>
  deliver(settings, body, { headers: {}, ports })

describe('SNS', () => {
  it.each(['1', '2'])('proves a message by its signature, version %s', async (SignatureVersion) => {
    for (const Subject of ['Amazon S3 Notification', undefined]) {
      const { asked, ports } = snsPorts()
      expect(await send(envelope({ SignatureVersion, Subject }), ports)).toMatchObject([
        { bucket: 'my-bucket', keys: ['red flower.jpg'] },
      ])
      expect(asked).toEqual([CERTIFICATE_URL])
    }
  })

  it('says nothing by S3’s test, nor by an unsubscription', async () => {
    const test = '{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"my-bucket"}'
    expect(await send(envelope({ Message: test }))).toEqual([])
    const { asked, ports } = snsPorts()
    expect(await send(confirmation({ Type: 'UnsubscribeConfirmation' }), ports)).toEqual([])
    expect(asked).toEqual([CERTIFICATE_URL])
  })

  it.each(['Message', 'MessageId', 'Subject', 'Timestamp'])(
    '401: %s was edited, or taken out',
    async (name) => {
      await expectUnproven(send({ ...envelope(), [name]: `${envelope()[name]} ` }))
      const { [name]: _, ...rest } = envelope()
      await expectUnproven(send(rest))
      await expectUnproven(send({ ...envelope(), [name]: 7 }))
    },
  )

  it.each([
    ['none', undefined],
    ['an empty one', ''],
    ['no base64', '!'],
    ['another one', Buffer.alloc(256, 1).toString('base64')],
    ['one that is far too long', 'A'.repeat(4_096)],
    ['a number', 7],
  ])('401: signature: %s', async (_, Signature) => {
    await expectUnproven(send({ ...envelope(), Signature }))
  })

  it('401: signed, but without a field that SNS always has', async () => {
    for (const name of ['Message', 'MessageId', 'Timestamp']) {
      await expectUnproven(send(envelope({ [name]: undefined })))
    }
    await expectUnproven(send(confirmation({ Timestamp: undefined })))
  })

  it('401: another version of signature than the one it has', async () => {
    await expectUnproven(send({ ...envelope(), SignatureVersion: '2' }))
    await expectUnproven(send({ ...envelope({ SignatureVersion: '2' }), SignatureVersion: '1' }))
    await expectUnproven(send(envelope({ SignatureVersion: '3' })))
    await expectUnproven(send(envelope({ SignatureVersion: 1 })))
    await expectUnproven(send(envelope({ SignatureVersion: 'constructor' })))
  })

  it('401, and nothing is fetched: a topic that is not listed', async () => {
    const { asked, ports } = snsPorts()
    for (const TopicArn of [`${TOPIC}2`, TOPIC.toLowerCase(), '', undefined, [TOPIC]]) {
      await expectUnproven(send(envelope({ TopicArn }), ports))
    }
    const none = settingsOf('aws', { secrets: [] })
    await expectUnproven(deliver(none, envelope(), { headers: {}, ports }))
    const other = settingsOf('minio', { topicArns: new Set([TOPIC]) })
    await expectUnproven(deliver(other, envelope(), { headers: {}, ports }))
    expect(asked).toEqual([])
  })

  it('401: a raw message, which nobody has signed', async () => {
    await expectUnproven(send(JSON.parse(sample('aws-record'))))
  })

  it('400: a message that is none of the store’s, once it is proven', async () => {
    for (const Message of ['hello', '{}', sample('minio-record'), JSON.stringify(envelope())]) {
      await expect(send(envelope({ Message }))).rejects.toMatchObject({ status: 400 })
    }
  })

  it('503: the certificate cannot be had now', async () => {
    const { ports } = snsPorts()
    const fetchCertificate = () => Promise.reject(new TypeError('fetch failed'))
    const away = { ...ports, sns: { ...ports.sns, fetchCertificate } }
    await expect(send(envelope(), away)).rejects.toMatchObject({
      code: 'AuthUnavailable',
      status: 503,
    })
  })

  it('401: there is no such certificate', async () => {
    const SigningCertURL = CERTIFICATE_URL.replace('0123', '4567')
    await expectUnproven(send(envelope({ SigningCertURL })))
  })
})

describe('a subscription', () => {
  it('is confirmed once, after its envelope has verified', async () => {
    const { asked, ports } = snsPorts()
    expect(await send(confirmation(), ports)).toEqual([])
    expect(asked).toEqual([CERTIFICATE_URL, SUBSCRIBE_URL])
  })

  it('503: SNS gives no answer, and will ask again', async () => {
    const { ports } = snsPorts()
    const confirmSubscription = () => Promise.reject(new TypeError('fetch failed'))
    const away = { ...ports, sns: { ...ports.sns, confirmSubscription } }
    await expect(send(confirmation(), away)).rejects.toMatchObject({ code: 'AuthUnavailable' })
  })

  it('401, unconfirmed: one that does not verify', async () => {
    const { asked, ports } = snsPorts()
    await expectUnproven(send({ ...confirmation(), Token: 'other' }, ports))
    await expectUnproven(send({ ...confirmation(), Message: 'other' }, ports))
    await expectUnproven(send({ ...confirmation(), Timestamp: undefined }, ports))
    expect(asked).not.toContain(SUBSCRIBE_URL)
  })

  it('is not confirmed for a forwarder, who cannot be asked to subscribe', async () => {
    const { asked, ports } = snsPorts()
    const headers = { authorization: `Bearer ${EVENT_SECRET}` }
    expect(await deliver(settings, confirmation(), { headers, ports })).toEqual([])
    expect(asked).toEqual([])
  })
})

const HOSTILE_HOSTS = [
  'http://sns.us-west-2.amazonaws.com',
  'https://sns.us-west-2.amazonaws.com:8443',
  'https://sns.us-west-2.amazonaws.com.evil.example',
  'https://evil.example/sns.us-west-2.amazonaws.com',
  'https://evil.example#sns.us-west-2.amazonaws.com',
  'https://sns.us-west-2.amazonaws.com@evil.example',
  'https://evil.example\\@sns.us-west-2.amazonaws.com',
  'https://u:p@sns.us-west-2.amazonaws.com',
  'https://s3.amazonaws.com',
  'https://sns.evil.example.amazonaws.com',
  'https://sns.us-west-2.amazonaws.com.cn.evil.example',
  'https://sns..amazonaws.com',
  'https://sns-evil.us-west-2.amazonaws.com',
  'https://xsns.us-west-2.amazonaws.com',
  'https://SNS.us-west-2.amazonaws.com',
  'https://sns.us-west-2.amazonawsxcom',
  'https://127.0.0.1',
  'https://169.254.169.254',
  'file://sns.us-west-2.amazonaws.com',
  ' https://sns.us-west-2.amazonaws.com',
  '',
]

describe('URLs in an envelope', () => {
  it.each(HOSTILE_HOSTS)('of %s are none of SNS’s', (host) => {
    expect(isCertificateUrl(`${host}/SimpleNotificationService-0123.pem`)).toBe(false)
    const SubscribeURL = SUBSCRIBE_URL.replace('https://sns.us-west-2.amazonaws.com', host)
    expect(subscribeUrlOf({ ...confirmation(), SubscribeURL })).toBeUndefined()
  })

  it.each([
    '/SimpleNotificationService-0123.pem?x=1',
    '/SimpleNotificationService-0123.pem#x',
    '/SimpleNotificationService-0123.pem\n',
    '/SimpleNotificationService-.pem',
    '/SimpleNotificationService-01/23.pem',
    '/SimpleNotificationService-0123xpem',
    '/SimpleNotificationService-0123.pem/../../evil',
    '/x/SimpleNotificationService-0123.pem',
    '/?Action=Publish',
    '/',
  ])('name no certificate by the path %s', (path) => {
    expect(isCertificateUrl(`https://sns.us-west-2.amazonaws.com${path}`)).toBe(false)
  })

  it('name a certificate of any region', () => {
    for (const host of ['sns.us-west-2.amazonaws.com', 'sns.cn-north-1.amazonaws.com.cn']) {
      expect(isCertificateUrl(`https://${host}/SimpleNotificationService-0aZ9.pem`)).toBe(true)
    }
    expect(isCertificateUrl([CERTIFICATE_URL])).toBe(false)
  })

  it.each([
    ['another action', 'Action=ConfirmSubscription', 'Action=DeleteTopic'],
    ['two actions', 'Action=', 'Action=Publish&Action='],
    ['another topic', 'MyTopic', 'TheirTopic'],
    ['another token', 't0k3n', 'other'],
    ['a path', '/?', '/x?'],
    ['a fragment', 't0k3n', 't0k3n#'],
  ])('confirm nothing with %s', (_, part, other) => {
    const SubscribeURL = SUBSCRIBE_URL.replace(part, other)
    expect(subscribeUrlOf({ ...confirmation(), SubscribeURL })).toBeUndefined()
    expect(subscribeUrlOf(confirmation())).toBe(SUBSCRIBE_URL)
  })
})

describe('a canary that waits to be called', () => {
  const connections: string[] = []
  const server = createServer((request, response) => {
    response.end(certificate)
    connections.push(request.url ?? '')
  })
  server.on('connection', () => connections.push('connection'))
  let origin = ''
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => new Promise((resolve) => server.close(resolve)))

  it('sees nothing, whatever URLs a body has, wherever and for whomever', async () => {
    const ports = createEventPorts({ clock: new TestClock(), fetch: globalThis.fetch })
    const url = `${origin}/SimpleNotificationService-0123.pem`
    const hostile = [
      envelope({ SigningCertURL: url }),
      confirmation({ SigningCertURL: url }),
      confirmation({ SubscribeURL: `${origin}/?Action=ConfirmSubscription` }),
      confirmation({ SigningCertURL: url, SubscribeURL: origin }),
      envelope({ SigningCertURL: url, UnsubscribeURL: origin, TopicArn: 'arn:aws:sns:x' }),
      { ...envelope({ SigningCertURL: url }), SigningCertUrl: url, SubscribeURL: origin },
    ]
    const stores = [settings, settingsOf('aws'), settingsOf('ceph'), settingsOf('gcs'), undefined]
    const token = [{ alg: 'RS256', jku: url, x5u: url, kid: url }, { iss: origin }]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    for (const store of stores) {
      for (const body of hostile) {
        const headers = {
          authorization: `Bearer ${token}.AAAA`,
          'x-amz-sns-message-type': 'Notification',
        }
        await expectUnproven(deliver(store, body, { headers, ports }))
        await expectUnproven(deliver(store, body, { headers: {}, ports }))
      }
    }
    const authorization = `Bearer ${EVENT_SECRET}`
    for (const body of hostile) await deliver(settings, body, { headers: { authorization }, ports })
    expect(connections).toEqual([])
  })
})

describe('calls to SNS', () => {
  /** Calls that are answered by a function, and what was asked for. */
  function calls(answer: (url: string) => Response | Promise<Response>) {
    const asked: { url: string; redirect: RequestRedirect | undefined }[] = []
    const clock = new TestClock()
    const fetch: typeof globalThis.fetch = (url, init) => {
      asked.push({ url: String(url), redirect: init?.redirect })
      return Promise.resolve(answer(String(url)))
    }
    return { asked, clock, ...createSnsCalls({ fetch, clock }) }
  }
  const DAY_MS = 86_400_000

  it('follow no redirect', async () => {
    const redirect = () =>
      new Response(null, { status: 302, headers: { location: 'https://evil.example' } })
    const { asked, fetchCertificate, confirmSubscription } = calls(redirect)
    expect(await fetchCertificate(CERTIFICATE_URL)).toBeUndefined()
    await expect(confirmSubscription(SUBSCRIBE_URL)).rejects.toThrow('status 302')
    expect(asked.map(({ redirect }) => redirect)).toEqual(['manual', 'manual'])
  })

  it('fetch a certificate once a day, however many wait for it', async () => {
    const { asked, clock, fetchCertificate } = calls(() => new Response(certificate))
    const all = [1, 2, 3].map(() => fetchCertificate(CERTIFICATE_URL))
    expect(await Promise.all(all)).toEqual([certificate, certificate, certificate])
    clock.advance(DAY_MS - 1)
    await fetchCertificate(CERTIFICATE_URL)
    expect(asked).toHaveLength(1)
    clock.advance(1)
    await fetchCertificate(CERTIFICATE_URL)
    expect(asked).toHaveLength(2)
  })

  it('take 16 KiB for a certificate, and not a byte more', async () => {
    const { fetchCertificate } = calls((url) => new Response('x'.repeat(Number(url))))
    expect(await fetchCertificate(String(16 * 1024))).toHaveLength(16 * 1024)
    expect(await fetchCertificate(String(16 * 1024 + 1))).toBeUndefined()
  })

  it('ask for what they did not get again after a minute, and not before', async () => {
    const statuses = [503, 404, 403, 200]
    const { asked, clock, fetchCertificate } = calls(
      () => new Response(certificate, { status: statuses.shift() ?? 500 }),
    )
    for (const wait of [0, 59_999]) {
      clock.advance(wait)
      await expect(fetchCertificate(CERTIFICATE_URL)).rejects.toThrow('status 503')
    }
    clock.advance(1)
    for (const wait of [0, 59_999, 1]) {
      clock.advance(wait)
      expect(await fetchCertificate(CERTIFICATE_URL)).toBeUndefined()
    }
    expect(asked).toHaveLength(3)
    clock.advance(60_000)
    expect(await fetchCertificate(CERTIFICATE_URL)).toBe(certificate)
    expect(asked).toHaveLength(4)
  })

  it('renew a certificate of SNS’s whatever strangers ask for', async () => {
    const { clock, fetchCertificate } = calls((url) =>
      url === CERTIFICATE_URL ? new Response(certificate) : new Response(null, { status: 403 }),
    )
    await fetchCertificate(CERTIFICATE_URL)
    clock.advance(DAY_MS)
    for (let nth = 0; nth < 10; nth += 1) await fetchCertificate(`url-${nth}`)
    await expect(fetchCertificate('url-10')).rejects.toThrow('too many')
    expect(await fetchCertificate(CERTIFICATE_URL)).toBe(certificate)
  })

  it('fetch ten certificates a minute that nobody knows yet, and those that are known always', async () => {
    const { asked, clock, fetchCertificate } = calls(() => new Response(certificate))
    for (let nth = 0; nth < 10; nth += 1) await fetchCertificate(`url-${nth}`)
    await expect(fetchCertificate('url-10')).rejects.toThrow('too many')
    expect(await fetchCertificate('url-0')).toBe(certificate)
    clock.advance(59_999)
    await expect(fetchCertificate('url-10')).rejects.toThrow('too many')
    clock.advance(1)
    await fetchCertificate('url-10')
    expect(asked).toHaveLength(11)
  })

  it('keep 64 certificates, the latest ones', async () => {
    const { asked, clock, fetchCertificate } = calls(() => new Response(certificate))
    for (let nth = 0; nth < 65; nth += 1) {
      await fetchCertificate(`url-${nth}`)
      clock.advance(60_000)
    }
    await fetchCertificate('url-1')
    expect(asked).toHaveLength(65)
    await fetchCertificate('url-0')
    expect(asked).toHaveLength(66)
  })
})
