import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CompactSign, type CryptoKey, exportJWK, generateKeyPair, type JWK } from 'jose'

/** How the server of keys answers. */
export type KeyServerMode =
  | 'keys'
  | 'error'
  | 'hang'
  | 'html'
  | 'redirect'
  | 'huge'
  | 'empty'
  | 'useless'

/** Header members and key of a token that is not as usual. */
export interface TokenChanges {
  readonly header?: Readonly<Record<string, unknown>>
  /** Default: the newest that is published. */
  readonly kid?: string
}

/** An issuer with keys of its own and a real server that hands them out. */
export interface TestIssuer {
  /** `iss` of its tokens. */
  readonly issuer: string
  readonly jwksUrl: string
  /** Requests that the server has seen, by path. */
  readonly requests: readonly string[]
  /** Requests that hang are cut when it changes. */
  mode: KeyServerMode
  /** Makes a key; published at once unless told otherwise. Returns its `kid`. */
  addKey(options?: { readonly alg?: string; readonly published?: boolean }): Promise<string>
  publish(kid: string): void
  withdraw(kid: string): void
  publicKey(kid: string): JWK
  /** A signed token with these claims over usual ones; `undefined` takes one out. */
  token(claims?: Readonly<Record<string, unknown>>, changes?: TokenChanges): Promise<string>
  close(): Promise<void>
}

interface Key {
  readonly privateKey: CryptoKey
  readonly jwk: JWK
  readonly alg: string
  published: boolean
}

const HUGE_BYTES = 10 * 1024 * 1024

/** Starts an issuer on loopback with one ES256 key. `nowMs` dates its tokens. */
export async function startTestIssuer(nowMs: () => number): Promise<TestIssuer> {
  const keys = new Map<string, Key>()
  const requests: string[] = []
  const hanging = new Set<ServerResponse>()
  let mode: KeyServerMode = 'keys'
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    answer(request.url ?? '', response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  function answer(path: string, response: ServerResponse): void {
    const published = [...keys.values()].filter((key) => key.published).map(({ jwk }) => jwk)
    const discovery = { issuer: issuer.issuer, jwks_uri: issuer.jwksUrl }
    const document = path === '/jwks' ? { keys: published } : discovery
    const json = { 'content-type': 'application/json' }
    switch (mode) {
      case 'keys':
        return void response.writeHead(200, json).end(JSON.stringify(document))
      case 'error':
        return void response.writeHead(503).end('away')
      case 'html':
        return void response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>')
      case 'redirect':
        return void response.writeHead(302, { location: `${origin}/elsewhere` }).end()
      case 'huge':
        return void response.writeHead(200, json).end(JSON.stringify(document).padEnd(HUGE_BYTES))
      case 'empty':
        return void response.writeHead(200, json).end('{"keys":[]}')
      case 'useless':
        return void response.writeHead(200, json).end(JSON.stringify({ keys: uselessKeys() }))
      case 'hang':
        return void hanging.add(response)
    }
  }

  const issuer: TestIssuer = {
    issuer: origin,
    jwksUrl: `${origin}/jwks`,
    requests,
    get mode() {
      return mode
    },
    set mode(next) {
      mode = next
      for (const response of hanging) response.destroy()
      hanging.clear()
    },
    async addKey({ alg = 'ES256', published = true } = {}) {
      const kid = `key-${keys.size + 1}`
      const { privateKey, publicKey } = await generateKeyPair(alg)
      const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }
      keys.set(kid, { privateKey, jwk, alg, published })
      return kid
    },
    publish: (kid) => setPublished(kid, true),
    withdraw: (kid) => setPublished(kid, false),
    publicKey: (kid) => keyOf(kid).jwk,
    async token(claims = {}, { header, kid = newest() } = {}) {
      const { privateKey, alg } = keyOf(kid)
      const nowSeconds = Math.floor(nowMs() / 1000)
      const usual = { iss: origin, aud: 'signet', sub: 'alice', tenant: 'acme' }
      const times = { iat: nowSeconds, exp: nowSeconds + 600 }
      const payload = new TextEncoder().encode(JSON.stringify({ ...usual, ...times, ...claims }))
      return await new CompactSign(payload)
        .setProtectedHeader({ alg, kid, typ: 'at+jwt', ...header })
        .sign(privateKey)
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }

  /** For encryption, for nothing, of no curve, not for this algorithm, and no key at all. */
  function uselessKeys(): readonly object[] {
    const { jwk } = keyOf('key-1')
    return [
      ...[{ use: 'enc' }, { key_ops: ['encrypt'] }, { x: 'x' }, { crv: 'P-257' }, { alg: 'ES384' }],
      { alg: 'ECDH-ES' },
    ]
      .map((change): object => ({ ...jwk, ...change }))
      .concat({ kty: 'RSA' }, { kty: 'RSA', n: 'AQAB', e: 'AQAB' })
  }

  function newest(): string {
    return [...keys].findLast(([, { published }]) => published)?.[0] ?? ''
  }

  function keyOf(kid: string): Key {
    const key = keys.get(kid)
    if (key === undefined) throw new Error(`Cannot use the key "${kid}": there is none`)
    return key
  }

  function setPublished(kid: string, published: boolean): void {
    keyOf(kid).published = published
  }

  await issuer.addKey()
  return issuer
}
