import { afterEach, describe, expect, it } from 'vitest'
import { createApiKey, hashApiKey } from '../../src/auth/api-key.ts'
import { checksumOf } from '../../src/auth/checksum.ts'
import type { KeyRecord } from '../../src/auth/key-record.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { authenticatorOf, pepper } from '../auth/auth-fixture.ts'
import {
  CLOSE,
  HOST,
  type ListeningGateway,
  openListeningGateway,
  replace,
} from '../http/listening-gateway.ts'
import { OPEN_ROUTES, operations } from '../http/operations.ts'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { sendRaw } from '../support/raw-http.ts'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import { uploadBody } from '../support/test-gateway.ts'

const UNAUTHENTICATED = { status: 401, code: 'Unauthenticated' } as const
const AMBIGUOUS = { status: 400, code: 'AmbiguousCredentials' } as const
const MAX_AUTHORIZATION = 8 * 1024

let gateway: ListeningGateway
afterEach(() => gateway.close())

type Headers = Readonly<Record<string, string>>

function upload(headers: Headers, path = '/v1/uploads') {
  return gateway.app.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(uploadBody()),
  })
}

async function expectStranger(response: Response): Promise<Record<string, unknown>> {
  const before = stateOf(gateway)
  const audited = gateway.audited.length
  const problem = await expectRefused(response, UNAUTHENTICATED, { gateway, before })
  expect(gateway.audited.length).toBe(audited)
  return problem
}

describe('the Authorization header', () => {
  it('A06 401: a bearer above 8 KiB, and one of 8 KiB that is nobody’s key', async () => {
    gateway = await openListeningGateway()
    const prefix = 'Bearer '
    for (const length of [MAX_AUTHORIZATION, MAX_AUTHORIZATION + 1, 9 * 1024]) {
      const authorization = prefix + 'a'.repeat(length - prefix.length)
      await expectStranger(await upload({ authorization }))
      const lines = ['GET /v1/usage HTTP/1.1', HOST, CLOSE, `Authorization: ${authorization}`]
      await expectStranger(await gateway.send(lines))
    }
  })

  it('A06 431: a header block or a bearer of any size, once 16 KiB of it have come', async () => {
    gateway = await openListeningGateway()
    const { port } = gateway
    const begin = `GET /v1/usage HTTP/1.1\r\n${HOST}\r\n`
    for (const name of ['X-Padding: ', 'Authorization: Bearer ']) {
      // What comes after it, up to 1 MB, is never read.
      const answer = await sendRaw(port, `${begin}${name}${'a'.repeat(17_000)}`)
      expect([name, answer.status]).toEqual([name, 431])
    }
    const roomy = `X-Padding: ${'a'.repeat(15_000)}`
    const lines = ['GET /v1/usage HTTP/1.1', HOST, CLOSE, gateway.authorization, roomy]
    expect((await gateway.send(lines)).status).toBe(200)
  })

  it('A08 400: two Authorization headers, equal or not, valid first or last', async () => {
    gateway = await openListeningGateway()
    const mine = gateway.authorization
    const other = 'Authorization: Bearer nonsense'
    for (const two of [
      [mine, mine],
      [mine, other],
      [other, mine],
    ]) {
      const lines = ['GET /v1/usage HTTP/1.1', HOST, CLOSE, ...two]
      await expectRefused(await gateway.send(lines), AMBIGUOUS, { gateway })
    }
    const comma = `Bearer ${gateway.key()}, Bearer ${gateway.key()}`
    await expectRefused(await upload({ authorization: comma }), AMBIGUOUS, { gateway })
  })

  it('A08 400: a credential beside one in the query or in X-Api-Key', async () => {
    gateway = await openListeningGateway()
    const authorization = `Bearer ${gateway.key()}`
    const before = stateOf(gateway)
    const answers = [
      upload({ authorization }, '/v1/uploads?access_token=x'),
      upload({ authorization }, '/v1/uploads?dryRun=true&api_key='),
      upload({ authorization, 'x-api-key': 'x' }),
      upload({ 'x-api-key': 'x' }, '/v1/uploads?api_key=x'),
    ]
    for (const answer of answers) await expectRefused(await answer, AMBIGUOUS, { gateway, before })
    expect((await upload({ authorization })).status).toBe(201)
  })

  it('A08 401: a good key in the query or in X-Api-Key alone, and it is in no log', async () => {
    gateway = await openListeningGateway()
    const key = gateway.key()
    for (const name of ['access_token', 'api_key']) {
      await expectStranger(await upload({}, `/v1/uploads?${name}=${key}`))
    }
    await expectStranger(await upload({ 'x-api-key': key }))
    await expectStranger(await upload({}))
    expect(gateway.log.join('')).not.toContain(key)
  })

  it('A09 401: another scheme, no space, two spaces, a tab, something behind the key', async () => {
    gateway = await openListeningGateway()
    const key = gateway.key()
    const refused = [
      `Foo ${key}`,
      `Basic ${key}`,
      `Bearer  ${key}`,
      `Bearer\t${key}`,
      `Bearer${key}`,
      `Bearer ${key} x`,
      `Bearer`,
      key,
    ]
    for (const authorization of refused) await expectStranger(await upload({ authorization }))
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      const lines = ['GET /v1/usage HTTP/1.1', HOST, CLOSE, `Authorization: ${scheme} ${key}`]
      expect((await gateway.send(lines)).status).toBe(200)
    }
  })
})

describe('API keys', () => {
  it('A10 401: wrong secret, unknown id and wrong checksum answer the same', async () => {
    gateway = await openListeningGateway()
    const [, id = '', secret = '', checksum = ''] =
      /^signet_([^_]+)_(.{43})_(.{6})$/.exec(gateway.key()) ?? []
    const keyOf = (keyId: string, text: string) => {
      const body = `signet_${keyId}_${text}`
      return `${body}_${checksumOf(body)}`
    }
    const other = `${secret.startsWith('A') ? 'B' : 'A'}${secret.slice(1)}`
    const answers = [
      keyOf(id, other),
      keyOf('nobody', secret),
      `signet_${id}_${secret}_${checksum.startsWith('0') ? '1' : '0'}${checksum.slice(1)}`,
      keyOf(id, secret.slice(1)),
    ].map((key) => upload({ authorization: `Bearer ${key}` }))
    const shown = new Set<string>()
    for (const answer of answers) {
      const response = await answer
      const names = [...response.headers.keys()]
      const { requestId: _, ...problem } = await expectStranger(response)
      shown.add(JSON.stringify([names, problem]))
    }
    expect(shown.size).toBe(1)
    expect(keyOf(id, secret)).toBe(gateway.key())
  })

  it('A10 401: a wrong checksum never reaches the keys, an unknown id and a wrong secret do', async () => {
    gateway = await openListeningGateway()
    const asked: string[] = []
    const keys = new Map<string, KeyRecord>()
    keys.get = (id) => {
      asked.push(id)
      return undefined
    }
    const peppers = { current: pepper(1) }
    replace(gateway, { authenticate: authenticatorOf({ keys, peppers }) })
    const key = gateway.key()
    const mistyped = `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`
    await expectStranger(await upload({ authorization: `Bearer ${mistyped}` }))
    expect(asked).toEqual([])
    await expectStranger(await upload({ authorization: `Bearer ${key}` }))
    expect(asked).toEqual(['acmealice'])
  })

  it('A13 401: what health checkers and proxies say about a request opens nothing', async () => {
    gateway = await openListeningGateway()
    const claims: Headers[] = [
      { 'user-agent': 'kube-probe/1.31' },
      { 'user-agent': 'ELB-HealthChecker/2.0' },
      { 'x-forwarded-uri': '/healthz' },
      { 'x-original-url': '/healthz', 'x-rewrite-url': '/healthz' },
      { 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1' },
    ]
    for (const headers of claims) await expectStranger(await upload(headers))
  })

  it('A15 401: the admin token on the public listener, an API key on the admin one', async () => {
    gateway = await openListeningGateway()
    const admin = `Bearer ${TEST_ADMIN_TOKEN}`
    await expectStranger(await upload({ authorization: admin }))
    for (const { app, method, route, path } of operations(gateway)) {
      if (OPEN_ROUTES.has(route)) continue
      const authorization = app === gateway.admin ? `Bearer ${gateway.key()}` : admin
      const answer = await app.request(path, { method, headers: { authorization } })
      await expectStranger(answer)
    }
    const stores = await gateway.admin.request('/admin/v1/stores', {
      headers: { authorization: admin },
    })
    expect(stores.status).toBe(200)
  })

  it('A16 a key with _ and - works; an id with _, a newline or = behind it do not', async () => {
    gateway = await openListeningGateway()
    const bytes = new Uint8Array(32)
    // 0xfb 0xff 0xbf is `-_-_` in base64url.
    bytes.set([0xfb, 0xff, 0xbf], 0)
    const key = createApiKey(() => bytes, 'k1')
    const text = key.reveal()
    expect(text).toContain('signet_k1_-_-_')
    const record = (id: string) => ({
      id,
      tenant: 'acme',
      user: 'alice',
      hashes: [{ hash: hashApiKey(nodeHashing, pepper(1), key) }],
      permissions: [],
      source: 'configuration' as const,
    })
    const authenticate = authenticatorOf({
      keys: new Map(['k1', 'k_1', 'k1_'].map((id) => [id, record(id)])),
      peppers: { current: pepper(1) },
    })
    // The context is read at each request, so the whole way of a request is taken.
    replace(gateway, { authenticate })
    const usage = (token: string) =>
      gateway.app.request('/v1/usage', { headers: { authorization: `Bearer ${token}` } })
    expect((await usage(text)).status).toBe(200)
    for (const wrong of [
      `${text}=`,
      `${text}_`,
      text.replace('k1', 'k_1'),
      text.replace('k1', 'k1_'),
    ]) {
      await expectStranger(await usage(wrong))
    }
    // No HTTP header can carry a newline, so the authenticator itself is asked.
    for (const tail of ['\n', '\r\n', '\u2028', '\0']) {
      expect(() =>
        authenticate({
          authorization: `Bearer ${text}${tail}`,
          hasQueryCredential: false,
          hasOtherCredential: false,
        }),
      ).toThrow('no usable credential')
    }
  })
})
