import { describe, expect, it } from 'vitest'
import { BODY_CAPS } from '../../../src/http/route.ts'
import { expectRefused } from '../../support/expect-refused.ts'
import { sendRaw } from '../../support/raw-http.ts'
import { type GatewayUnderTest, uploadBody } from './gateway-under-test.ts'
import { MAX_OBJECT_BYTES, PART_BYTES } from './settings.ts'

const INVALID = { status: 400, code: 'InvalidRequest' } as const
const DENIED = { status: 403, code: 'AccessDenied' } as const
const STRANGER = { status: 401, code: 'Unauthenticated' } as const

/** A body that nothing is wrong with. */
const WHOLE = JSON.stringify(uploadBody('acme/alice/refused'))

/** What holds of requests that are refused: every problem in the same form, nothing charged. */
export function describeRefusals(suite: () => GatewayUnderTest): void {
  const key = 'acme/alice/refused'
  const post = (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
    suite().call('POST', '/v1/uploads', body, { headers })
  const apiKey = () => suite().keys.get('acme/alice') ?? ''

  describe('refusals', () => {
    it('401: no credential, a wrong one, one that is no key at all', async () => {
      const { url } = suite()
      const [head, secret] = [apiKey().slice(0, -50), apiKey().slice(-50)]
      const wrong = [...secret].reverse().join('')
      for (const authorization of [undefined, `Bearer ${head}${wrong}`, 'Bearer x', 'Basic YTpi']) {
        const headers = { ...(authorization !== undefined && { authorization }) }
        await expectRefused(await fetch(`${url}/v1/usage`, { headers }), STRANGER)
      }
    })

    it('400: two credentials, or one in the query', async () => {
      const ambiguous = { status: 400, code: 'AmbiguousCredentials' } as const
      const { call, url } = suite()
      const twice = await call('GET', `/v1/usage?access_token=${apiKey()}`)
      await expectRefused(twice, ambiguous)
      const headers = { 'x-api-key': apiKey() }
      await expectRefused(await call('GET', '/v1/usage', undefined, { headers }), ambiguous)
      const query = await fetch(`${url}/v1/usage?api_key=${apiKey()}`)
      expect([400, 401]).toContain(query.status)
    })

    it('401: the body of a stranger is not waited for', async () => {
      const port = Number(new URL(suite().url).port)
      const lines = [
        'POST /v1/uploads HTTP/1.1',
        `Host: 127.0.0.1:${port}`,
        'Content-Type: application/json',
        'Content-Length: 20000',
        'Connection: close',
      ]
      // Nothing of the body comes: only an answer can end this.
      const answer = await sendRaw(port, `${lines.join('\r\n')}\r\n\r\n`)
      expect(answer.status).toBe(401)
    })

    it('403: what is not allowed and what there is not look the same', async () => {
      const answers = [
        await post({ ...uploadBody('acme/bob/x') }),
        await post(uploadBody(key, { bucket: 'none' })),
      ]
      const problems = []
      for (const answer of answers) {
        const { requestId: _, ...problem } = await expectRefused(answer, DENIED)
        problems.push(problem)
      }
      expect(problems[1]).toEqual(problems[0])
    })

    it('404: unknown paths and methods, as a problem; admin routes are not there', async () => {
      const { call } = suite()
      const unknown = { status: 404, code: 'NoSuchRoute' } as const
      for (const [method, path] of [
        ['GET', '/v1/none'],
        ['PUT', '/v1/uploads'],
        ['GET', '/'],
        ['GET', '/admin/v1/tenants'],
        ['GET', '/metrics'],
      ] as const) {
        await expectRefused(await call(method, path), unknown)
      }
    })

    it('400: every bad member is named: unknown ones, wrong types, missing ones', async () => {
      const { fields } = await expectRefused(
        await post({ bucket: 'media', key, contentType: 7, size: 1, mode: 'fast' }),
        INVALID,
      )
      const paths = (fields as { path: string }[]).map(({ path }) => path)
      expect(paths).toEqual(expect.arrayContaining(['contentType', 'size', 'mode']))
      const missing = await expectRefused(await post({ bucket: 'media', key }), INVALID)
      const missed = (missing.fields as { path: string }[]).map(({ path }) => path)
      expect(missed).toEqual(expect.arrayContaining(['contentType']))
    })

    it.each([
      ['broken off', '{"bucket":"media"'],
      ['an array', '[]'],
      ['nothing', ''],
      ['good but for a member named __proto__', `{"__proto__":{},${WHOLE.slice(1)}`],
    ])('400: a body that is %s', async (_, body) => {
      const headers = { 'content-type': 'application/json' }
      await expectRefused(await post(body, headers), INVALID)
    })

    it('400: a body that is not UTF-8', async () => {
      const answer = await fetch(`${suite().url}/v1/uploads`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey()}`, 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify({ bucket: 'm\u00ff' }), 'latin1'),
      })
      expect((await expectRefused(answer, INVALID)).detail).toContain('UTF-8')
    })

    it('415: a body that is not JSON by its type, or encoded', async () => {
      const refusal = { status: 415, code: 'UnsupportedMediaType' } as const
      const body = uploadBody(key)
      await expectRefused(await post(body, { 'content-type': 'text/plain' }), refusal)
      await expectRefused(await post(body, { 'content-encoding': 'gzip' }), refusal)
    })

    it('413: a body above the cap, whether it says so or comes in chunks; one byte less is read', async () => {
      const refusal = { status: 413, code: 'RequestTooLarge' } as const
      const padded = (length: number) => {
        const text = JSON.stringify(uploadBody(key, { sizeBytes: 0 }))
        return text + ' '.repeat(length - text.length)
      }
      await expectRefused(await post(padded(BODY_CAPS.default + 1)), refusal)
      const streamed = await fetch(`${suite().url}/v1/uploads`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey()}`, 'content-type': 'application/json' },
        body: new Blob([padded(BODY_CAPS.default + 1)]).stream(),
        duplex: 'half',
      } as RequestInit)
      await expectRefused(streamed, refusal)
      expect(
        (await post(padded(BODY_CAPS.default), { 'content-type': 'application/json' })).status,
      ).toBe(201)
    })

    it('400: keys that cannot be signed safely, in a body and in a path', async () => {
      const refusal = { status: 400, code: 'InvalidKey' } as const
      for (const bad of ['', '/x', 'acme/alice/../x', 'acme/alice/./x', 'a\\b', 'a\u0000b']) {
        await expectRefused(await post(uploadBody(bad)), refusal)
      }
      await expectRefused(await post(uploadBody(`acme/alice/${'x'.repeat(1_014)}`)), refusal)
      for (const bad of ['acme/alice/%zz', 'acme/alice/a%00b', 'acme/alice/a%5Cb']) {
        await expectRefused(await suite().call('GET', `/v1/objects/media/${bad}`), refusal)
      }
    })

    it('400, 403: dot segments in a path never open the object that they resolve to', async () => {
      const port = Number(new URL(suite().url).port)
      for (const path of ['acme/bob/../alice/x', 'acme/alice/%2e%2e/bob/x', 'acme/alice/a/./b']) {
        const lines = [
          `GET /v1/objects/media/${path} HTTP/1.1`,
          `Host: 127.0.0.1:${port}`,
          `Authorization: Bearer ${suite().keys.get('acme/alice')}`,
          'Connection: close',
        ]
        const answer = await sendRaw(port, `${lines.join('\r\n')}\r\n\r\n`)
        // Where the runtime hands over the path as it came it is refused; others have resolved it by
        // then, and who asks must be allowed to open what came of it.
        const resolved = path.includes('bob') && !path.startsWith('acme/bob') ? 403 : 307
        expect([path, [400, resolved].includes(answer.status)]).toEqual([path, true])
      }
    })

    it('413, 415, 422: what the bucket or its store does not take', async () => {
      const large = await post(uploadBody(key, { sizeBytes: MAX_OBJECT_BYTES + 1 }))
      await expectRefused(large, { status: 413, code: 'EntityTooLarge' })
      const script = await post(uploadBody(key, { contentType: 'text/html' }))
      await expectRefused(script, { status: 415, code: 'UnsupportedMediaType' })
      const beyond =
        suite().store.kind === 'ceph'
          ? { mode: 'multipart', sizeBytes: PART_BYTES + 1, tags: { album: '7' } }
          : { sha256: `${'A'.repeat(43)}=` }
      const unkept = await post(uploadBody(key, beyond))
      const { capability } = await expectRefused(unkept, {
        status: 422,
        code: 'UnsupportedByStore',
      })
      expect(capability).toMatch(/^(?:multipartTagging|checksum)$/)
    })

    it('a request id of the caller comes back in header and problem', async () => {
      const answer = await post({}, { 'x-request-id': 'my-own-id-1' })
      expect(answer.headers.get('x-request-id')).toBe('my-own-id-1')
      expect((await expectRefused(answer, INVALID)).requestId).toBe('my-own-id-1')
    })
  })
}
