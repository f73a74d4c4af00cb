import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ObjectKey } from '../../src/object-key.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret } from '../../src/secret.ts'
import { createAws4fetchPresigner } from '../../src/signing/aws4fetch-presigner.ts'
import { createNativePresigner } from '../../src/signing/native-presigner.ts'
import { assertSigned } from '../../src/signing/post-sign.ts'
import type { Presigner } from '../../src/signing/presigner.ts'
import { objectLocation } from '../../src/stores/object-url.ts'
import { ACCEPTED_KEYS, SLASHED_KEYS } from '../stores/key-table.ts'
import { EXAMPLE_CREDENTIAL, exampleStore } from '../stores/store-fixture.ts'
import { isRightlySigned } from '../support/sigv4-verifier.ts'
import { EXAMPLE_DATE_MS, presignRequest, rawQuery } from './presign-fixture.ts'
import { PRESIGN_VECTORS } from './presign-vectors.ts'

const DRIVERS = [
  ['aws4fetch', createAws4fetchPresigner()],
  ['native', createNativePresigner(nodeHashing)],
] as const
const secret = EXAMPLE_CREDENTIAL.secretAccessKey.reveal()

describe.each(DRIVERS)('the %s presigner', (_, presigner) => {
  it.each(PRESIGN_VECTORS)('gives the known signature: $name', async ({ request, signature }) => {
    const url = await presigner.presign(request)
    expect(rawQuery(url.reveal(), 'X-Amz-Signature')).toBe(signature)
    expect(() => assertSigned(request, url)).not.toThrow()
  })

  it('gives the URL byte for byte: path as asked, names sorted, spaces as %20, signature last', async () => {
    const request = presignRequest({
      origin: 'http://127.0.0.1:9000',
      path: '/bkt/a%20b%2A',
      query: new Map([
        ['versionId', 'v 1*'],
        ['response-content-disposition', 'attachment; filename="a (1).txt"'],
      ]),
    })
    expect((await presigner.presign(request)).reveal()).toMatch(
      new RegExp(
        [
          '^http://127\\.0\\.0\\.1:9000/bkt/a%20b%2A',
          '\\?X-Amz-Algorithm=AWS4-HMAC-SHA256',
          '&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request',
          '&X-Amz-Date=20130524T000000Z',
          '&X-Amz-Expires=330',
          '&X-Amz-SignedHeaders=host',
          '&response-content-disposition=attachment%3B%20filename%3D%22a%20%281%29\\.txt%22',
          '&versionId=v%201%2A',
          '&X-Amz-Signature=[0-9a-f]{64}$',
        ].join(''),
      ),
    )
  })

  it('shows neither secret nor URL when it is printed', async () => {
    const url = await presigner.presign(presignRequest())
    expect(`${url} ${JSON.stringify(url)} ${String(presigner)}`).toBe(
      '[secret] "[secret]" [object Object]',
    )
  })

  it('takes the day of the scope from the date that it signs, across midnight', async () => {
    const before = presignRequest({ signedAtMs: EXAMPLE_DATE_MS - 1 })
    const after = presignRequest({ signedAtMs: EXAMPLE_DATE_MS })
    for (const request of [before, after, before]) {
      const url = (await presigner.presign(request)).reveal()
      const day = request === before ? '20130523' : '20130524'
      expect(rawQuery(url, 'X-Amz-Credential')).toContain(`%2F${day}%2F`)
      expect(rawQuery(url, 'X-Amz-Date')).toMatch(new RegExp(`^${day}T`))
      expect(isRightlySigned(received(request.method, url, {}), secret)).toBe(true)
    }
  })

  it('never signs with the key of another credential', async () => {
    const other = { ...EXAMPLE_CREDENTIAL, secretAccessKey: new Secret('another') }
    const mine = (await presigner.presign(presignRequest())).reveal()
    const theirs = (await presigner.presign(presignRequest({ credential: other }))).reveal()
    expect(isRightlySigned(received('GET', theirs, {}), 'another')).toBe(true)
    expect(rawQuery(mine, 'X-Amz-Signature')).not.toBe(rawQuery(theirs, 'X-Amz-Signature'))
  })

  it('binds the payload hash as a header and as the last canonical line', async () => {
    const headers = new Map([['x-amz-content-sha256', 'ab'.repeat(32)]])
    const url = (await presigner.presign(presignRequest({ method: 'PUT', headers }))).reveal()
    expect(isRightlySigned(received('PUT', url, Object.fromEntries(headers)), secret)).toBe(true)
    const changed = { 'x-amz-content-sha256': 'ac'.repeat(32) }
    expect(isRightlySigned(received('PUT', url, changed), secret)).toBe(false)
    expect(rawQuery(url, 'X-Amz-Content-Sha256')).toBeUndefined()
  })

  it.each(['/bkt/../other', '/bkt/%2e%2e/other', '/bkt/a+b', '/bkt/a%2fb', '/bkt/a b'])(
    '500: never another path than the one asked for: %s',
    async (path) => {
      await expect(async () => presigner.presign(presignRequest({ path }))).rejects.toMatchObject({
        code: 'InternalError',
      })
    },
  )

  it.each([...ACCEPTED_KEYS, ...SLASHED_KEYS])('signs exactly the key %j', async (text) => {
    await expectExactly(presigner, text)
  })

  it('signs exactly the key, whatever it is', async () => {
    const keys = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(keys, async (text) => {
        try {
          ObjectKey.parse(text)
        } catch {
          fc.pre(false)
        }
        await expectExactly(presigner, text)
      }),
      { numRuns: 300 },
    )
  })
})

async function expectExactly(presigner: Presigner, text: string): Promise<void> {
  const location = objectLocation(exampleStore(), 'publicEndpoint', 'bucket', text)
  const request = presignRequest({ ...location, method: 'PUT' })
  const signed = await presigner.presign(request)
  assertSigned(request, signed)
  const url = signed.reveal()
  const path = url.slice(location.origin.length, url.indexOf('?'))
  expect(path.split('/').map(decodeURIComponent).join('/')).toBe(`/bucket/${text}`)
  expect(new URL(url).pathname).toBe(path)
  expect(rawQuery(url, 'X-Amz-Expires')).toBe('330')
  expect(isRightlySigned(received('PUT', url, {}), secret)).toBe(true)
  const last = url.at(-1) === '0' ? '1' : '0'
  expect(isRightlySigned(received('PUT', url.slice(0, -1) + last, {}), secret)).toBe(false)
  expect(isRightlySigned(received('PUT', url.replace('?', 'x?'), {}), secret)).toBe(false)
}

function received(method: string, url: string, headers: Record<string, string>) {
  const { host } = new URL(url)
  const target = url.slice(url.indexOf('/', 'https://'.length))
  return { method, target, headers: { host, ...headers } }
}
