import { describe, expect, it } from 'vitest'
import { createTestBucket, describeOnCeph } from '../stores/stores-under-test.ts'
import { ALLOWED_ORIGIN, CREDENTIALS, startHostileStore } from './hostile-store.ts'
import { answerOf, presigned, type Shot, shoot, type Target } from './signed-shots.ts'

const FIVE = { 'content-length': '5', 'content-type': 'text/plain' }
const put = (signed: Record<string, string> = {}, more: Shot = {}): Shot => ({
  signed: { ...FIVE, ...signed },
  body: 'hello',
  ...more,
})
const SHA256 = 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ='
const OTHER_SHA256 = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
const hex = (base64: string) => Buffer.from(base64, 'base64').toString('hex')
const withDigit = (url: string) =>
  url.replace(/(X-Amz-Signature=)(.)/, (_, name, digit) => name + (digit === '0' ? '1' : '0'))
const AT_ONCE = '403 AccessDenied'
const MISMATCH = '403 SignatureDoesNotMatch'

/**
 * A shot at an object `there` with the ETag of `hello`, what S3 answers, and what Ceph 16 answers
 * where that is something else (measured; it knows no checksums and refuses no unsigned header).
 */
const SHOTS: readonly [string, Shot, string, string?][] = [
  ['a right PUT', put(), '200'],
  ['a wrong digit', put({}, { changed: withDigit }), MISMATCH],
  ['no signature', put({}, { changed: (url) => url.replace(/\?.*/, '') }), AT_ONCE],
  ['another method', { method: 'GET', key: 'there', sentMethod: 'DELETE' }, MISMATCH],
  ['another key', put({}, { changed: (url) => url.replace('/a?', '/b?') }), MISMATCH],
  ['more bytes', put({}, { body: 'hello!' }), MISMATCH],
  ['fewer bytes', put({}, { body: 'hell' }), MISMATCH],
  ['another type', put({}, { sent: { 'content-type': 'text/html' } }), MISMATCH],
  ['an expired URL', put({}, { signedSecondsAgo: 120 }), AT_ONCE],
  ['eight days', put({}, { expires: '691200' }), '400 AuthorizationQueryParametersError', AT_ONCE],
  ['a URL of tomorrow', put({}, { signedSecondsAgo: -86_400 }), AT_ONCE, '200'],
  ['an expiry more', put({}, { changed: (url) => `${url}&X-Amz-Expires=600` }), MISMATCH],
  ['unsigned metadata', put({}, { sent: { 'x-amz-meta-a': 'b' } }), AT_ONCE, '200'],
  ['an unsigned ACL', put({}, { sent: { 'x-amz-acl': 'public-read' } }), AT_ONCE, '200'],
  [
    'a missing signed header',
    put({ 'x-amz-meta-a': 'b' }, { sent: { 'x-amz-meta-a': undefined } }),
    MISMATCH,
  ],
  ['signed tags', put({ 'x-amz-tagging': 'a=b' }), '200'],
  [
    'an odd class',
    put({ 'x-amz-storage-class': 'ODD' }),
    '400 InvalidStorageClass',
    '400 InvalidArgument',
  ],
  [
    'a lock',
    put({ 'x-amz-object-lock-mode': 'GOVERNANCE' }),
    '400 InvalidRequest',
    '400 InvalidArgument',
  ],
  ['write-once of nothing', put({ 'if-none-match': '*' }, { key: 'once' }), '200'],
  ['write-once again', put({ 'if-none-match': '*' }, { key: 'once' }), '412 PreconditionFailed'],
  ['if-match of another', put({ 'if-match': '"0"' }, { key: 'there' }), '412 PreconditionFailed'],
  [
    'if-match of it',
    put({ 'if-match': '"5d41402abc4b2a76b9719d911017c592"' }, { key: 'there' }),
    '200',
    '412 PreconditionFailed',
  ],
  ['a right SHA-256', put({ 'x-amz-checksum-sha256': SHA256 }), '200'],
  ['a wrong SHA-256', put({ 'x-amz-checksum-sha256': OTHER_SHA256 }), '400 BadDigest', '200'],
  ['a wrong SHA-1', put({ 'x-amz-checksum-sha1': 'AAAA' }), '400 BadDigest', '200'],
  ['a right CRC32', put({ 'x-amz-checksum-crc32': 'NhCmhg==' }), '200'],
  ['a wrong CRC32', put({ 'x-amz-checksum-crc32': 'AAAAAA==' }), '400 BadDigest', '200'],
  ['a right CRC32C', put({ 'x-amz-checksum-crc32c': 'mnG7TA==' }), '200'],
  ['a right CRC64', put({ 'x-amz-checksum-crc64nvme': 'M3eFcAZSQlc=' }), '200'],
  ['a right payload hash', put({ 'x-amz-content-sha256': hex(SHA256) }), '200'],
  [
    'a wrong payload hash',
    put({ 'x-amz-content-sha256': hex(OTHER_SHA256) }),
    '400 XAmzContentSHA256Mismatch',
  ],
  ['a wrong MD5', put({ 'content-md5': '1B2M2Y8AsgTpgAmY7PhCfg==' }), '400 BadDigest'],
  ['no MD5', put({ 'content-md5': 'none' }), '400 InvalidDigest'],
  ['GET of nothing', { method: 'GET', key: 'nothing' }, '404 NoSuchKey'],
  ['HEAD of nothing', { method: 'HEAD', key: 'nothing' }, '404'],
  ['DELETE', { method: 'DELETE', key: 'gone' }, '204'],
  [
    'a part of no upload',
    put({}, { query: { partNumber: '1', uploadId: 'none' } }),
    '404 NoSuchUpload',
  ],
  ['no ACL', { method: 'GET', key: 'nothing', query: { acl: '' } }, '404 NoSuchKey'],
  ['tags of nothing', { method: 'GET', key: 'nothing', query: { tagging: '' } }, '404 NoSuchKey'],
]

const THERE = put({}, { key: 'there' })

async function shootAll(target: Target): Promise<Record<string, string>> {
  await shoot(target, THERE)
  const answers: Record<string, string> = {}
  for (const [name, shot] of SHOTS) answers[name] = await shoot(target, shot)
  return answers
}

describe('a hostile store without a lie', () => {
  it('answers as S3 does', async () => {
    await using store = await startHostileStore()
    const target = { endpoint: store.endpoint, bucket: 'media-prod', credential: CREDENTIALS.main }
    const expected = Object.fromEntries(SHOTS.map(([name, , answer]) => [name, answer]))
    expect(await shootAll(target)).toEqual(expected)
  })

  it('lets each key do what it is for', async () => {
    await using store = await startHostileStore()
    const as = (credential: Target['credential']) => (shot: Shot) =>
      shoot({ endpoint: store.endpoint, bucket: 'media-prod', credential }, shot)
    const copy = put({ 'x-amz-copy-source': '/media-prod/a' }, { key: 'copy' })
    const get = { method: 'GET', key: 'a' }
    const [write, read, main] = [as(CREDENTIALS.write), as(CREDENTIALS.read), as(CREDENTIALS.main)]
    expect([await write(put()), await write(get), await write(copy)]).toEqual([
      '200',
      AT_ONCE,
      AT_ONCE,
    ])
    expect([await read(put()), await read(get)]).toEqual([AT_ONCE, '200'])
    expect([await main(copy), store.bucket.find('copy')?.body.toString()]).toEqual(['200', 'hello'])
  })

  it('shows what it keeps: type, metadata, class, encryption, number of tags and overrides', async () => {
    await using store = await startHostileStore()
    const target = { endpoint: store.endpoint, bucket: 'media-prod', credential: CREDENTIALS.main }
    const signed = {
      'x-amz-meta-name': 'café',
      'x-amz-storage-class': 'STANDARD_IA',
      'x-amz-server-side-encryption': 'AES256',
      'x-amz-tagging': 'a=b&c=d',
      'x-amz-acl': 'public-read',
    }
    await shoot(target, { ...put(), signed: { ...FIVE, ...signed, 'x-amz-meta-name': 'cafe' } })
    const query = { 'response-content-type': 'text/html' }
    const { headers } = await answerOf(target, { method: 'GET', query })
    expect(headers.get('content-type')).toBe('text/html')
    expect(headers.get('x-amz-meta-name')).toBe('cafe')
    expect(headers.get('x-amz-storage-class')).toBe('STANDARD_IA')
    expect(headers.get('x-amz-server-side-encryption')).toBe('AES256')
    expect(headers.get('x-amz-tagging-count')).toBe('2')
    const anonymous = await fetch(`${store.endpoint}/media-prod/a`)
    expect([anonymous.status, await anonymous.text()]).toEqual([200, 'hello'])
  })

  it('lets pages of one origin in', async () => {
    await using store = await startHostileStore()
    const url = `${store.endpoint}/media-prod/a`
    const ask = (origin: string) =>
      fetch(url, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'PUT',
          'access-control-request-headers': 'content-type,x-amz-meta-signet',
        },
      })
    const allowed = await ask(ALLOWED_ORIGIN)
    expect([allowed.status, allowed.headers.get('access-control-expose-headers')]).toEqual([
      200,
      'ETag',
    ])
    expect((await ask('https://evil.example')).status).toBe(403)
  })

  it('keeps versions where it is told to', async () => {
    await using store = await startHostileStore({ versioned: true })
    const target = { endpoint: store.endpoint, bucket: 'media-prod', credential: CREDENTIALS.main }
    const first = await answerOf(target, put())
    await shoot(target, put({}, { body: 'jello' }))
    await shoot(target, { method: 'DELETE' })
    expect(await shoot(target, { method: 'HEAD' })).toBe('404')
    const versionId = first.headers.get('x-amz-version-id') ?? ''
    const old = await answerOf(target, { method: 'GET', query: { versionId } })
    expect(await old.text()).toBe('hello')
  })

  it('becomes another store, which knows nothing of the first', async () => {
    await using store = await startHostileStore({ lies: ['lengthMore'] })
    const target = { endpoint: store.endpoint, bucket: 'media-prod', credential: CREDENTIALS.main }
    expect(await shoot(target, put({}, { body: 'hello!' }))).toBe('200')
    store.become({ lies: ['lengthMore', 'saysNo'] })
    expect(store.bucket.find('a')).toBeUndefined()
    expect(await shoot(target, put({}, { body: 'hello!' }))).toBe(MISMATCH)
    expect(store.bucket.find('a')?.body.toString()).toBe('hello!')
    expect(await presigned(target, put())).not.toContain(CREDENTIALS.main.secretAccessKey)
  })
})

describeOnCeph('a hostile store without a lie, beside Ceph', (ceph) => {
  it('answers as Ceph does, but for what Ceph is known for', async () => {
    const bucket = await createTestBucket(ceph)
    const target = { endpoint: ceph.endpoint, bucket, credential: ceph.credentials.main }
    const expected = SHOTS.map(([name, , answer, ofCeph = answer]) => [name, ofCeph])
    expect(await shootAll(target)).toEqual(Object.fromEntries(expected))
  })
})
