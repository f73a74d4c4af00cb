import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Secret } from '../../../src/secret.ts'
import { deliver, EVENT_SECRET, expectUnproven, sample, settingsOf } from './events-fixture.ts'

const NEXT_SECRET = 'N3xtEventSecr3t0123456789abcdefg'
const bearer = (text: string) => ({ authorization: `Bearer ${text}` })
const basic = (pair: string) => ({
  authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
})
const rotating = { secrets: [new Secret(NEXT_SECRET), new Secret(EVENT_SECRET)] }

/** Headers that prove nothing to anybody. */
const UNPROVEN: [string, Record<string, string>][] = [
  ['no secret', {}],
  ['an empty one', { authorization: 'Bearer ' }],
  ['a wrong one', bearer('x'.repeat(32))],
  ['a truncated one', bearer(EVENT_SECRET.slice(0, -1))],
  ['a longer one', bearer(`${EVENT_SECRET}a`)],
  ['one in other letters', bearer(EVENT_SECRET.toUpperCase())],
  ['two spaces', { authorization: `Bearer  ${EVENT_SECRET}` }],
  ['no scheme', { authorization: EVENT_SECRET }],
  ['another scheme', { authorization: `Token ${EVENT_SECRET}` }],
  ['two of them', { authorization: `Bearer ${EVENT_SECRET}, Bearer ${EVENT_SECRET}` }],
  ['something else in front', { authorization: `x Bearer ${EVENT_SECRET}` }],
  ['a header of 9 KiB', bearer('x'.repeat(9 * 1024))],
]

describe('the event secret as bearer token', () => {
  it('proves a delivery of any shape, because any may be forwarded', async () => {
    for (const [shape, name] of [
      ['minio', 'minio-record'],
      ['aws', 'aws-record'],
      ['r2', 'r2'],
      ['b2', 'b2'],
      ['ceph', 'ceph-record'],
      ['gcs', 'gcs'],
      ['tigris', 'tigris'],
      ['seaweedfs', 'seaweedfs'],
    ] as const) {
      expect(await deliver(settingsOf(shape), sample(name)), shape).toHaveLength(1)
    }
  })

  it.each(UNPROVEN)('401: %s', async (_, headers) => {
    await expectUnproven(deliver(settingsOf('minio'), sample('minio-record'), { headers }))
  })

  it.each([
    ['an unknown store', undefined],
    ['no events configured', undefined],
    ['a store without a secret', settingsOf('aws', { secrets: [] })],
  ])('401 all the same: %s, with or without a secret', async (_, settings) => {
    for (const headers of [bearer(EVENT_SECRET), bearer(''), {}, { authorization: 'Bearer' }]) {
      await expectUnproven(deliver(settings, sample('aws-record'), { headers }))
      await expectUnproven(deliver(settings, 'no JSON', { headers }))
    }
  })

  it('401 before anything of the body is read', async () => {
    await expectUnproven(deliver(settingsOf('minio'), 'no JSON', { headers: bearer('wrong') }))
  })

  it('may be one of two while one replaces the other, whatever the scheme’s letters', async () => {
    const settings = settingsOf('minio', rotating)
    for (const secret of [EVENT_SECRET, NEXT_SECRET]) {
      const headers = { authorization: `bearer ${secret}` }
      expect(await deliver(settings, sample('minio-record'), { headers })).toHaveLength(1)
    }
    await expectUnproven(
      deliver(settingsOf('minio'), sample('minio-record'), { headers: bearer(NEXT_SECRET) }),
    )
  })
})

describe('Basic', () => {
  const tigris = settingsOf('tigris')

  it('proves Tigris’s deliveries by its password, whoever the user', async () => {
    for (const pair of [`signet:${EVENT_SECRET}`, `:${EVENT_SECRET}`]) {
      const headers = basic(pair)
      expect(await deliver(tigris, sample('tigris'), { headers }), pair).toHaveLength(1)
    }
  })

  it.each([
    basic(`${EVENT_SECRET}:`),
    basic(EVENT_SECRET),
    basic(`signet:x${EVENT_SECRET}`),
    basic(`a:b:${EVENT_SECRET}`),
    { authorization: `Basic signet:${EVENT_SECRET}` },
    { authorization: 'Basic a' },
  ])('401: %o', async (headers) => {
    await expectUnproven(deliver(tigris, sample('tigris'), { headers }))
  })

  it('401: for a store of another kind', async () => {
    const headers = basic(`signet:${EVENT_SECRET}`)
    await expectUnproven(deliver(settingsOf('minio'), sample('minio-record'), { headers }))
  })
})

describe('B2’s signature', () => {
  const b2 = settingsOf('b2')
  const hexOf = (body: string, secret = EVENT_SECRET) =>
    createHmac('sha256', secret).update(body).digest('hex')
  const signed = (value: string) => ({ 'x-bz-event-notification-signature': value })

  it('proves the body as it was sent, byte by byte', async () => {
    const body = sample('b2').replace('photos/dog.jpg', 'photos/d\u00f6g.jpg')
    const headers = signed(`v1=${hexOf(body)}`)
    expect(await deliver(b2, body, { headers })).toMatchObject([{ keys: ['photos/dög.jpg'] }])
    await expectUnproven(deliver(b2, `${body} `, { headers }))
    await expectUnproven(deliver(b2, body.replace('4096', '4097'), { headers }))
  })

  it('may be by either secret while one replaces the other', async () => {
    const body = sample('b2')
    const headers = signed(`v1=${hexOf(body, NEXT_SECRET)}`)
    expect(await deliver(settingsOf('b2', rotating), body, { headers })).toHaveLength(1)
    await expectUnproven(deliver(b2, body, { headers }))
  })

  const hex = hexOf(sample('b2'))
  it.each([
    ['without a version', hex],
    ['of another version', `v2=${hex}`],
    ['in upper case', `v1=${hex.toUpperCase()}`],
    ['truncated', `v1=${hex.slice(0, -2)}`],
    ['with something behind it', `v1=${hex}00`],
    ['empty', ''],
    [
      'by a decoded secret',
      `v1=${createHmac('sha256', Buffer.from(EVENT_SECRET, 'base64')).update(sample('b2')).digest('hex')}`,
    ],
  ])('401: %s', async (_, value) => {
    await expectUnproven(deliver(b2, sample('b2'), { headers: signed(value) }))
  })

  it('401: a wrong one, even beside the secret', async () => {
    const headers = { ...signed(`v1=${'0'.repeat(64)}`), ...bearer(EVENT_SECRET) }
    await expectUnproven(deliver(b2, sample('b2'), { headers }))
  })

  it('400: proves nothing that is wrapped', async () => {
    const body = `[${sample('b2')}]`
    const sent = deliver(b2, body, { headers: signed(`v1=${hexOf(body)}`) })
    await expect(sent).rejects.toMatchObject({ status: 400 })
  })

  it('401: none, and for a store of another kind', async () => {
    await expectUnproven(deliver(b2, sample('b2'), { headers: {} }))
    const body = sample('minio-record')
    const headers = signed(`v1=${hexOf(body)}`)
    await expectUnproven(deliver(settingsOf('minio'), body, { headers }))
  })
})

describe('Ceph’s opaqueData', () => {
  const ceph = settingsOf('ceph')
  const [record] = JSON.parse(sample('ceph-measured')).Records
  const bodyOf = (...secrets: unknown[]) => ({
    Records: secrets.map((opaqueData) => ({ ...record, opaqueData })),
  })
  const send = (body: object, settings = ceph) => deliver(settings, body, { headers: {} })

  it('proves a delivery in which every record has it', async () => {
    expect(await send(bodyOf(EVENT_SECRET, EVENT_SECRET))).toHaveLength(2)
    expect(
      await send(bodyOf(EVENT_SECRET, NEXT_SECRET), settingsOf('ceph', rotating)),
    ).toHaveLength(2)
  })

  it.each([
    ['none', [undefined]],
    ['an empty one', ['']],
    ['a wrong one', ['opaque-sync']],
    ['a truncated one', [EVENT_SECRET.slice(1)]],
    ['one that is no text', [[EVENT_SECRET]]],
    ['a wrong one behind a right one', [EVENT_SECRET, 'wrong']],
    ['a right one behind none', [undefined, EVENT_SECRET]],
    ['no records', []],
  ])('401: %s', async (_, secrets) => {
    await expectUnproven(send(bodyOf(...secrets)))
  })

  it('401: elsewhere than in its records, or in a body that cannot be read', async () => {
    await expectUnproven(send({ opaqueData: EVENT_SECRET, Records: [record] }))
    await expectUnproven(send([bodyOf(EVENT_SECRET)]))
    await expectUnproven(send({ Records: { 0: { opaqueData: EVENT_SECRET }, length: 1 } }))
    await expectUnproven(
      deliver(ceph, `{"Records":[{"opaqueData":"${EVENT_SECRET}"`, { headers: {} }),
    )
  })

  it('401: for a store of another kind', async () => {
    const body = JSON.parse(sample('minio-record'))
    body.Records[0].opaqueData = EVENT_SECRET
    await expectUnproven(send(body, settingsOf('minio')))
  })

  it('proves nothing that is wrapped', async () => {
    const wrapped = {
      eventSource: 'aws:sqs',
      body: sample('ceph-measured'),
      opaqueData: EVENT_SECRET,
    }
    await expect(send({ Records: [wrapped] })).rejects.toMatchObject({ status: 400 })
  })
})
