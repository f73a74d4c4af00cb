import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import Provider, { type Configuration } from 'oidc-provider'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectRefused } from '../../support/expect-refused.ts'
import { TestClock } from '../../support/test-clock.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../../support/test-gateway.ts'

const RESOURCE = 'https://signet.example.com'
const ADMIN_RESOURCE = 'https://signet-admin.example.com'
const SECRET = 'secret-of-a-client-for-tests-0123456789'

let server: Server
let issuer: string
let gateway: TestGateway

/** A service of tenant acme by client credentials (RFC 6749 section 4.4). */
const configuration = (keys: Configuration['jwks']): Configuration => ({
  clients: [
    {
      client_id: 'backup',
      client_secret: SECRET,
      id_token_signed_response_alg: 'ES256',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    },
  ],
  ...(keys !== undefined && { jwks: keys }),
  ttl: { ClientCredentials: 600 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource) => ({
        scope: 'upload read',
        audience: resource,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 600,
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
  extraTokenClaims: () => ({ org: { id: 'acme' }, groups: ['dev'] }),
})

beforeAll(async () => {
  server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const key = { ...(await exportJWK(privateKey)), kid: 'es', alg: 'ES256', use: 'sig' }
  const provider = new Provider(issuer, configuration({ keys: [key] } as Configuration['jwks']))
  server.on('request', provider.callback())
  gateway = await openTestGateway({
    // Its tokens are dated by the machine's clock.
    clock: new TestClock(Date.now()),
    issuers: {
      idp: {
        issuer,
        audience: RESOURCE,
        require: [{ claim: 'client_id' }],
        tenant: { claim: 'org.id' },
        allow: [
          {
            operations: ['upload'],
            buckets: ['media'],
            prefix: '{tenant}/{user}/',
            when: [{ claim: 'scope', word: 'upload' }],
          },
        ],
      },
    },
    admin: {
      oidc: {
        issuer,
        audience: ADMIN_RESOURCE,
        roles: [
          { role: 'operator', when: { claim: 'groups', value: 'ops' } },
          { role: 'viewer', when: { claim: 'groups', value: 'dev' } },
        ],
      },
    },
  })
})
afterAll(async () => {
  await gateway.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

async function bearer(scope: string, resource = RESOURCE): Promise<{ authorization: string }> {
  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`backup:${SECRET}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope }),
  })
  expect(answer.status).toBe(200)
  return { authorization: `Bearer ${(await answer.json()).access_token}` }
}

describe('a real OpenID provider', () => {
  it('201: gives tokens by which its clients upload what their scope allows', async () => {
    const body = uploadBody({ key: 'acme/backup/cat.jpg' })
    const headers = await bearer('upload')
    const created = await gateway.call('POST', '/v1/uploads', body, { headers })
    expect([created.status, (await created.json()).key]).toEqual([201, 'acme/backup/cat.jpg'])
    const denied = { status: 403, code: 'AccessDenied' } as const
    const other = { headers: await bearer('read') }
    await expectRefused(await gateway.call('POST', '/v1/uploads', body, other), denied, { gateway })
  })

  it('401: a token for another audience opens neither listener', async () => {
    const refused = { status: 401, code: 'Unauthenticated' } as const
    const admin = await bearer('upload', ADMIN_RESOURCE)
    const caller = await bearer('upload')
    await expectRefused(
      await gateway.call('GET', '/v1/usage', undefined, { headers: admin }),
      refused,
    )
    await expectRefused(
      await gateway.admin.request('/admin/v1/stores', { headers: caller }),
      refused,
    )
  })

  it('200: lets administrators in by their role, and a viewer change nothing', async () => {
    const headers = await bearer('read', ADMIN_RESOURCE)
    expect((await gateway.admin.request('/admin/v1/stores', { headers })).status).toBe(200)
    const change = await gateway.admin.request('/admin/v1/tenants/acme', {
      method: 'DELETE',
      headers,
    })
    await expectRefused(change, { status: 403, code: 'AccessDenied' })
  })
})
