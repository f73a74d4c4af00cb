import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createHealthChecks } from '../../src/gateway/health-checks.ts'
import { describeOnCeph } from '../support/stores/stores-under-test.ts'
import { openTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { type GatewayOnStore, gatewayOnStore } from './gateway-on-store.ts'

// A store in a network of containers: the gateway calls it by its address there, an IPv6 one on a port of its
// own, and everybody else by a public name on another port, where a proxy forwards bytes as they are.
describeOnCeph('a store behind a public name', (ceph) => {
  let inside: TcpProxy
  let outside: TcpProxy
  let gateway: GatewayOnStore
  let name: string
  beforeAll(async () => {
    inside = await openTcpProxy(ceph.endpoint, '::1')
    outside = await openTcpProxy(ceph.endpoint)
    name = `files.example:${outside.port}`
    gateway = await gatewayOnStore(ceph, {
      store: {
        endpoint: `http://[::1]:${inside.port}`,
        publicEndpoint: `http://${name}`,
      },
    })
  })
  afterAll(async () => {
    await gateway.close()
    await inside[Symbol.asyncDispose]()
    await outside[Symbol.asyncDispose]()
  })

  interface Sent {
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
    /** The name that is asked for. Default: the URL's. */
    readonly host?: string
  }

  /** As a client whose resolver knows the public name. */
  async function send(method: string, url: string, { headers, body, host }: Sent = {}) {
    const { hostname, port, pathname, search } = new URL(url)
    expect([hostname, Number(port)]).toEqual(['files.example', outside.port])
    const sent = request({
      host: '127.0.0.1',
      port,
      method,
      path: pathname + search,
      headers: { ...headers, host: host ?? `${hostname}:${port}` },
      agent: false,
    })
    sent.end(body)
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    let text = ''
    for await (const chunk of response) text += chunk
    return { status: response.statusCode, text }
  }

  it('has the public name in every grant, and its own address in every call of the gateway', async () => {
    const body = 'hello'
    const upload = await gateway.create({ sizeBytes: 5, contentType: 'text/plain' })
    const { url = '', headers = {} } = upload.request ?? {}
    expect((await send('PUT', url, { headers, body })).status).toBe(200)
    expect((await gateway.complete(upload.id)).status).toBe(200)

    const parts = await gateway.call('POST', '/v1/uploads', {
      bucket: 'media',
      key: 'acme/alice/parts',
      sizeBytes: 5,
      contentType: 'text/plain',
      mode: 'multipart',
    })
    expect(parts.status).toBe(201)
    const made = (await parts.json()) as Made
    const [part] = made.multipart.parts
    expect((await send('PUT', part?.request.url ?? '', { body })).status).toBe(200)
    expect((await gateway.complete(made.id)).status).toBe(200)

    const path = '/v1/objects/media/acme/alice/cat.jpg'
    const location = (await gateway.call('GET', path)).headers.get('location') ?? ''
    expect(await send('GET', location)).toEqual({ status: 200, text: body })
    expect((await gateway.call('HEAD', path)).status).toBe(200)
    const listed = await (await gateway.call('GET', '/v1/objects/media')).json()
    expect((listed as { objects: unknown[] }).objects).toHaveLength(2)
    expect((await gateway.call('DELETE', path)).status).toBe(204)
    expect((await send('GET', location)).status).toBe(404)
    const checks = createHealthChecks(gateway.context, { nowMs: () => performance.now() })
    checks.begin()
    await checks.settled()

    expect(outside.asked).toEqual([`PUT ${name}`, `PUT ${name}`, `GET ${name}`, `GET ${name}`])
    const own = inside.asked.map((line) => line.slice(line.indexOf(' ') + 1))
    expect(new Set(own)).toEqual(new Set([`[::1]:${inside.port}`]))
    expect(own.length).toBeGreaterThanOrEqual(9)
  })

  it('403: the same grant under any other name, because the store sees the Host that was signed', async () => {
    const upload = await gateway.create({ key: 'acme/alice/other', sizeBytes: 1 })
    const { url = '', headers = {} } = upload.request ?? {}
    const otherPort = name.replace(/\d+$/, '80')
    for (const host of [`[::1]:${inside.port}`, 'files.example', otherPort]) {
      const refused = await send('PUT', url, { headers, body: 'x', host })
      expect([host, refused.status]).toEqual([host, 403])
      expect(refused.text).toContain('<Code>SignatureDoesNotMatch</Code>')
    }
    expect((await send('PUT', url, { headers, body: 'x' })).status).toBe(200)
  })
})

interface Made {
  readonly id: string
  readonly multipart: { readonly parts: readonly { readonly request: { readonly url: string } }[] }
}
