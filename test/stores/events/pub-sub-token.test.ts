import { createLocalJWKSet, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { createGoogleKeys } from '../../../src/stores/events/pub-sub-token.ts'
import { TestClock } from '../../support/test-clock.ts'
import {
  deliver,
  EVENT_SECRET,
  expectUnproven,
  sample,
  settingsOf,
  testPorts,
} from './events-fixture.ts'

const AUDIENCE = 'https://signet.example/v1/events/media'
const ACCOUNT = 'push@project.iam.gserviceaccount.com'
const settings = settingsOf('gcs', { audience: AUDIENCE, serviceAccount: ACCOUNT })
const google = await generateKeyPair('RS256')
const stranger = await generateKeyPair('RS256')
const jwks = {
  keys: [{ ...(await exportJWK(google.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }],
}
const clock = new TestClock()
const ports = testPorts({ clock, googleKeys: createLocalJWKSet(jwks) })
const nowSeconds = clock.nowMs() / 1000

/** A token as Pub/Sub sends it, changed; what is `undefined` is left out. */
function token(
  changes: Record<string, unknown> = {},
  { key = google.privateKey, header = {} }: { key?: CryptoKey; header?: object } = {},
): Promise<string> {
  const payload: JWTPayload = {
    iss: 'https://accounts.google.com',
    aud: AUDIENCE,
    email: ACCOUNT,
    email_verified: true,
    iat: nowSeconds - 10,
    exp: nowSeconds + 3_590,
    ...changes,
  }
  return new SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid: 'k1', ...header }).sign(key)
}

const push = (bearer: string, to = settings, using = ports) =>
  deliver(to, sample('gcs'), { headers: { authorization: `Bearer ${bearer}` }, ports: using })

describe('a token of Pub/Sub', () => {
  it('proves a push', async () => {
    expect(await push(await token())).toMatchObject([{ shape: 'gcs', bucket: 'my-bucket' }])
  })

  it('proves a push of Storj as well', async () => {
    const storj = { ...settings, shape: 'storj' as const }
    const data = Buffer.from(sample('storj-record')).toString('base64')
    const body = { message: { data, messageId: '1' }, subscription: 's' }
    const headers = { authorization: `Bearer ${await token()}` }
    expect(await deliver(storj, body, { headers, ports })).toMatchObject([
      { keys: ['uploads/video.mp4'] },
    ])
  })

  it('is needless where a forwarder has the secret', async () => {
    expect(await push(EVENT_SECRET)).toHaveLength(1)
  })

  it.each<[string, Record<string, unknown>]>([
    ['another issuer', { iss: 'https://evil.example' }],
    ['the issuer without its scheme', { iss: 'accounts.google.com' }],
    ['no issuer', { iss: undefined }],
    ['another audience', { aud: 'https://other.example' }],
    ['no audience', { aud: undefined }],
    ['another account', { email: 'other@project.iam.gserviceaccount.com' }],
    ['no account', { email: undefined }],
    ['an account that is not verified', { email_verified: false }],
    ['an account that is verified in words', { email_verified: 'true' }],
    ['no end', { exp: undefined }],
    ['an end that is over', { exp: nowSeconds - 31 }],
    ['no beginning', { iat: undefined }],
    ['a beginning that is to come', { nbf: nowSeconds + 31 }],
  ])('401: %s', async (_, changes) => {
    await expectUnproven(push(await token(changes)))
  })

  it('may be off by 30 s', async () => {
    expect(await push(await token({ exp: nowSeconds - 29 }))).toHaveLength(1)
    expect(await push(await token({ nbf: nowSeconds + 30 }))).toHaveLength(1)
  })

  it('401: another key, known by the same name or none', async () => {
    await expectUnproven(push(await token({}, { key: stranger.privateKey })))
    await expectUnproven(push(await token({}, { header: { kid: 'k2' } })))
  })

  it('401: more than 8 KiB of header', async () => {
    const short = await token({ filling: 'x'.repeat(5_000) })
    const long = await token({ filling: 'x'.repeat(6_000) })
    expect(short.length).toBeLessThan(8 * 1024)
    expect(await push(short)).toHaveLength(1)
    await expectUnproven(push(long))
  })

  it('401: edited, truncated, unsigned, or signed with the public key', async () => {
    const [head = '', , signature = ''] = (await token()).split('.')
    const other = (await token({ email: ACCOUNT, sub: 'x' })).split('.')[1]
    await expectUnproven(push(`${head}.${other}.${signature}`))
    await expectUnproven(push((await token()).slice(0, -1)))
    await expectUnproven(push((await token()).split('.').slice(0, 2).join('.')))
    const none = Buffer.from('{"alg":"none"}').toString('base64url')
    await expectUnproven(push(`${none}.${other}.`))
    const secret = new TextEncoder().encode(JSON.stringify(jwks.keys[0]))
    const confused = new SignJWT({ iss: 'https://accounts.google.com', aud: AUDIENCE })
    const hs256 = await confused.setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(secret)
    await expectUnproven(push(hs256))
  })

  it('401: RS512 by the right key', async () => {
    const { n, e, kty } = jwks.keys[0] ?? {}
    const any = createLocalJWKSet({ keys: [{ n, e, kty, kid: 'k1' } as never] })
    const pair = await generateKeyPair('RS512')
    const key = { ...(await exportJWK(pair.publicKey)), kid: 'k1' }
    const both = testPorts({ clock, googleKeys: createLocalJWKSet({ keys: [key] }) })
    const rs512 = await token({}, { key: pair.privateKey, header: { alg: 'RS512' } })
    await expectUnproven(push(rs512, settings, both))
    expect(await push(await token(), settings, testPorts({ clock, googleKeys: any }))).toHaveLength(
      1,
    )
  })

  it('401: for a store that expects none', async () => {
    await expectUnproven(push(await token(), settingsOf('gcs')))
    const minio = settingsOf('minio', { audience: AUDIENCE, serviceAccount: ACCOUNT })
    await expectUnproven(push(await token(), minio))
  })

  it('400: proves no list and no message of SQS', async () => {
    const headers = { authorization: `Bearer ${await token()}` }
    const sent = deliver(settings, `[${sample('gcs')}]`, { headers, ports })
    await expect(sent).rejects.toMatchObject({ status: 400 })
  })

  it('503: Google’s keys cannot be had now', async () => {
    for (const answer of [
      () => Promise.reject(new TypeError('fetch failed')),
      () => Promise.resolve(new Response('busy', { status: 503 })),
      () => Promise.resolve(new Response('{}')),
    ]) {
      const away = testPorts({ clock, googleKeys: createGoogleKeys(answer) })
      await expect(push(await token(), settings, away)).rejects.toMatchObject({
        code: 'AuthUnavailable',
        status: 503,
      })
    }
  })

  it('is checked by keys from one place, fetched once for many', async () => {
    const asked: string[] = []
    const googleKeys = createGoogleKeys((url) => {
      asked.push(String(url))
      return Promise.resolve(Response.json(jwks))
    })
    const remote = testPorts({ clock, googleKeys })
    const jku = 'https://evil.example/keys'
    for (const header of [{}, { jku, x5u: jku }]) {
      expect(await push(await token({}, { header }), settings, remote)).toHaveLength(1)
    }
    await expectUnproven(push(await token({}, { header: { kid: 'k2' } }), settings, remote))
    expect(asked).toEqual(['https://www.googleapis.com/oauth2/v3/certs'])
  })
})
