import { describe, expect, it } from 'vitest'
import { SignedUrl } from '../../src/secret.ts'
import { createAws4fetchPresigner } from '../../src/signing/aws4fetch-presigner.ts'
import { assertSigned } from '../../src/signing/post-sign.ts'
import { presignRequest } from './presign-fixture.ts'

const presigner = createAws4fetchPresigner()

const request = presignRequest({
  method: 'PUT',
  path: '/bkt/a%20b',
  query: new Map([['partNumber', '7']]),
  headers: new Map([
    ['content-length', '5'],
    ['x-amz-meta-signet', 't1'],
  ]),
})

describe('the last look at a signed URL', () => {
  it('lets through what was asked for', async () => {
    const url = await presigner.presign(request)
    expect(() => assertSigned(request, url)).not.toThrow()
  })

  it.each<[string, (url: string) => string]>([
    ['another path', (url) => url.replace('/bkt/a%20b', '/bkt/b')],
    ['a path with more', (url) => url.replace('/a%20b?', '/a%20b/c?')],
    ['a path that only decodes to the same', (url) => url.replace('a%20b', '%61%20b')],
    ['a dot segment that URL resolves to the same', (url) => url.replace('/bkt/', '/x/../bkt/')],
    ['another host', (url) => url.replace('s3.example.test', 's3.example.org')],
    ['another port', (url) => url.replace('s3.example.test', 's3.example.test:8443')],
    ['another scheme', (url) => url.replace('https:', 'http:')],
    ['userinfo', (url) => url.replace('https://', 'https://user:word@')],
    ['a fragment', (url) => `${url}#x`],
    ['an added name', (url) => `${url}&acl=`],
    ['an added name without value', (url) => `${url}&acl`],
    ['a doubled name', (url) => `${url}&X-Amz-Expires=330`],
    ['a doubled name in other letters', (url) => `${url}&%58-Amz-Expires=604800`],
    [
      'a doubled name instead of another',
      (url) => url.replace('partNumber=7', 'X-Amz-Expires=330'),
    ],
    ['a missing name', (url) => url.replace('&partNumber=7', '')],
    ['another value', (url) => url.replace('partNumber=7', 'partNumber=8')],
    ['a longer expiry', (url) => url.replace('X-Amz-Expires=330', 'X-Amz-Expires=331')],
    ['another date', (url) => url.replace('20130524T000000Z', '20130524T000001Z')],
    ['another day in the scope', (url) => url.replace('%2F20130524%2F', '%2F20130525%2F')],
    ['another key', (url) => url.replace('AKIAIOSFODNN7EXAMPLE', 'AKIAIOSFODNN7EXAMPLF')],
    ['another service', (url) => url.replace('%2Fs3%2F', '%2Fsts%2F')],
    ['a header less', (url) => url.replace('content-length%3B', '')],
    ['a header more', (url) => url.replace('%3Bhost%3B', '%3Bhost%3Brange%3B')],
    ['an upper-case signature', (url) => url.replace(/[0-9a-f]{64}$/, 'A'.repeat(64))],
    ['a cut signature', (url) => url.slice(0, -1)],
    ['no signature', (url) => url.replace(/&X-Amz-Signature=.*$/, '')],
    ['a space as plus', (url) => url.replace('partNumber=7', 'partNumber=+7')],
    ['a line break', (url) => url.replace('partNumber=7', 'partNumber=7\n')],
    ['nothing at all', () => ''],
  ])('500: %s is not handed out, and the error does not show it', async (_, change) => {
    const url = (await presigner.presign(request)).reveal()
    const changed = change(url)
    expect(changed).not.toBe(url)
    const error = thrownBy(() => assertSigned(request, new SignedUrl(changed)))
    expect(error).toMatchObject({ code: 'InternalError', status: 500 })
    expect(JSON.stringify(error) + String(error)).not.toContain('X-Amz')
    expect(JSON.stringify(error) + String(error)).not.toContain('example')
  })

  it.each([
    ['GET', 'acl'],
    ['PUT', 'versionId'],
    ['PUT', 'policy'],
    ['PUT', 'x-amz-acl'],
    ['DELETE', 'uploads'],
    ['HEAD', 'response-content-disposition'],
    ['GET', 'X-Amz-Expires'],
  ] as const)('500: a %s never carries the query name %s', async (method, name) => {
    const odd = presignRequest({ method, query: new Map([[name, '1']]) })
    const url = await presigner.presign(odd)
    expect(() => assertSigned(odd, url)).toThrow('Cannot hand out the grant')
  })
})

function thrownBy(act: () => void): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  throw new Error('Nothing was thrown')
}
