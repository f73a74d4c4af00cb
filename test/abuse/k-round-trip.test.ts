import { afterEach, describe, expect, it } from 'vitest'
import { type GatewayOnStore, gatewayOnStore } from '../gateway/gateway-on-store.ts'
import { ACCEPTED_KEYS, SLASHED_KEYS } from '../stores/key-table.ts'
import { sendRaw } from '../support/raw-http.ts'
import { realStores } from '../support/stores/stores-under-test.ts'

/** In the order of the catalogue: `%`, `?`, `#`, everything printable, forms that look alike. */
const LOOK_ALIKES = ['caf\u00e9/nfc', 'cafe\u0301/nfd', 'p\u0430ypal', 'paypal', '\ufeffbom']

let gateway: GatewayOnStore
afterEach(() => gateway.close())

/** Every ASCII character that prints, but the backslash, and a slash between two of them. */
const PRINTABLE = `k${Array.from({ length: 0x7f - 0x21 }, (_, at) => String.fromCharCode(0x21 + at))
  .filter((character) => character !== '\\')
  .join('')}`

/** The whole way of an object: grant, PUT, complete, HEAD, GET by two forms, list, DELETE. */
async function roundTrip(key: string): Promise<void> {
  const bytes = new TextEncoder().encode(`the bytes of ${key}`)
  const sizeBytes = bytes.length
  const upload = await gateway.create({ key, sizeBytes, contentType: 'text/plain' })
  expect(upload.key).toBe(key)
  const { url = '', headers = {} } = upload.request ?? {}
  const put = await fetch(url, { method: 'PUT', headers, body: bytes })
  expect([key, put.status, await put.text()]).toEqual([key, 200, ''])
  const completed = await gateway.complete(upload.id)
  expect([key, completed.status]).toEqual([key, 200])
  expect(await completed.json()).toMatchObject({ key, sizeBytes })
  const download = await gateway.call('POST', '/v1/downloads', { bucket: 'media', key })
  const got = await fetch((await download.json()).request.url)
  expect([key, got.status]).toEqual([key, 200])
  expect(new Uint8Array(await got.arrayBuffer())).toEqual(bytes)
  const redirect = await gateway.call('GET', pathOf(key))
  expect([key, redirect.status]).toEqual([key, 307])
  const followed = await fetch(redirect.headers.get('location') ?? '')
  expect(new Uint8Array(await followed.arrayBuffer())).toEqual(bytes)
}

function pathOf(key: string): string {
  return `/v1/objects/media/${key.split('/').map(encodeURIComponent).join('/')}`
}

describe.each(realStores())('on $kind', (store) => {
  const open = async () => {
    gateway = await gatewayOnStore(store, {
      bucket: { keys: { callerPrefix: '', wholeBucket: true } },
      allow: { 'acme/alice': [{ prefix: '', wholeBucket: true }] },
    })
  }
  const listed = async () => {
    const answer = await gateway.call('GET', '/v1/objects/media?limit=1000')
    const { objects } = (await answer.json()) as { objects: { key: string }[] }
    return objects.map(({ key }) => key)
  }

  it('K10 201: every key comes back byte for byte, from PUT to DELETE, and under its name', async () => {
    await open()
    const slashed = store.kind === 'embedded' ? ['trail/'] : SLASHED_KEYS
    const keys = [...new Set([...ACCEPTED_KEYS, ...LOOK_ALIKES, ...slashed, PRINTABLE])]
    for (const key of keys) await roundTrip(key)
    const names = await listed()
    expect(names).toHaveLength(keys.length)
    expect(new Set(names)).toEqual(new Set(keys))
    for (const key of keys) {
      expect([key, (await gateway.call('DELETE', pathOf(key))).status]).toEqual([key, 204])
    }
    expect(await listed()).toEqual([])
  })

  it('K01 K03: a URL bent by dot segments opens nothing, whoever sends it raw', async () => {
    await open()
    await gateway.putDirectly('secret', 7)
    await gateway.putDirectly('a/cat.jpg', 5)
    const wanted = { bucket: 'media', key: 'a/cat.jpg' }
    const download = await gateway.call('POST', '/v1/downloads', wanted)
    const { url } = (await download.json()).request as { url: string }
    const { port, host } = new URL(url)
    const whole = `/${gateway.storeBucket}/a/cat.jpg?`
    const target = url.slice(url.indexOf(whole))
    const ask = (path: string) =>
      sendRaw(Number(port), `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    expect((await ask(target)).status).toBe(200)
    for (const bent of ['/a/../secret?', '/a/%2e%2e/secret?', '/../secret?', '/?', '?']) {
      const answer = await ask(target.replace('/a/cat.jpg?', bent))
      expect([bent, answer.status]).toEqual([bent, 403])
    }
  })
})
