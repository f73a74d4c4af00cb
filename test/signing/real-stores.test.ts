import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { Grant } from '../../src/signing/grant.ts'
import { ACCEPTED_KEYS, SLASHED_KEYS } from '../stores/key-table.ts'
import { newPlacement } from '../stores/real-store.ts'
import { describeOnCeph, keepVersions, realStores } from '../support/stores/stores-under-test.ts'
import { at, client, download, get, granted, put, sizeOf } from './real-grants.ts'

describe.each(realStores())('a grant on $kind', (real) => {
  it('200: the exact size and type; HEAD shows size, type and ticket', async () => {
    const place = at(await newPlacement(real))
    expect((await put(await granted(place), 'hello')).status).toBe(200)
    expect(await client.head(place)).toMatchObject({
      found: true,
      sizeBytes: 5,
      contentType: 'text/plain',
      metadata: new Map([
        ['album', 'caf%C3%A9'],
        ['signet', 'st1.abc'],
      ]),
    })
  })

  it('200: nothing at all, when nothing was asked for', async () => {
    const place = at(await newPlacement(real))
    expect((await put(await granted(place, { sizeBytes: 0 }), '')).status).toBe(200)
    expect(await client.head(place)).toMatchObject({ found: true, sizeBytes: 0 })
  })

  it.each([
    ['a byte more', { body: 'hello!' }],
    ['a byte less', { body: 'hell' }],
    ['another type', { headers: { 'content-type': 'text/html' } }],
    ['another ticket', { headers: { 'x-amz-meta-signet': 'st1.forged' } }],
    ['metadata that nobody signed', { url: '&x-amz-meta-extra=1' }],
    ['another key', { path: 'other' }],
    ['a longer expiry', { expires: '604800' }],
  ])('403: %s, and nothing is stored', async (_, change) => {
    const place = at(await newPlacement(real))
    const grant = await granted(place)
    const body = 'body' in change ? change.body : 'hello'
    let url = grant.url.reveal()
    if ('url' in change) url += change.url
    if ('path' in change) url = url.replace('/k?', `/${change.path}?`)
    if ('expires' in change)
      url = url.replace(/X-Amz-Expires=\d+/, `X-Amz-Expires=${change.expires}`)
    const headers = { ...grant.headers, ...('headers' in change && change.headers) }
    expect((await fetch(url, { method: 'PUT', headers, body })).status).toBe(403)
    expect((await client.head(place)).found).toBe(false)
  })

  it('403: a URL that has expired', async () => {
    const place = at(await newPlacement(real))
    const nowMs = Date.now() - 60_000
    const grant = await granted(place, { nowMs, expiresAtMs: nowMs + 2_000 })
    expect((await put(grant, 'hello')).status).toBe(403)
    expect((await client.head(place)).found).toBe(false)
  })

  it('403: a PUT used for a GET or DELETE', async () => {
    const place = at(await newPlacement(real))
    const grant = await granted(place)
    await put(grant, 'hello')
    const url = grant.url.reveal()
    const got = await fetch(url, { headers: grant.headers })
    const deleted = await fetch(url, { method: 'DELETE', headers: grant.headers })
    expect([got.status, deleted.status]).toEqual([403, 403])
  })

  it('200: a download says how the file is called', async () => {
    const place = at(await newPlacement(real))
    await put(await granted(place), 'hello')
    const got = await get(await download(place, { filename: 'my cat.txt' }))
    expect([got.status, await got.text()]).toEqual([200, 'hello'])
    expect(got.headers.get('content-disposition')).toBe('attachment; filename="my cat.txt"')
  })

  it('403: a download that has expired, or is of another key', async () => {
    const place = at(await newPlacement(real))
    await put(await granted(place), 'hello')
    const nowMs = Date.now() - 60_000
    const expired = await get(await download(place, { nowMs, expiresAtMs: nowMs + 2_000 }))
    const { url } = await download(place)
    const other = await fetch(url.reveal().replace('/k?', '/other?'))
    expect([expired.status, other.status]).toEqual([403, 403])
  })

  it('keeps every key byte for byte: PUT, HEAD, LIST, GET, DELETE', async () => {
    const placement = await newPlacement(real, 'eu/')
    // The embedded store keeps keys as paths: `//` collapses, and a segment has a file name's length.
    const asPaths = real.kind === 'embedded'
    const kept = asPaths ? ACCEPTED_KEYS : [...ACCEPTED_KEYS, ...SLASHED_KEYS]
    const keys = [...kept, 'k'.repeat(asPaths ? 200 : 1021)]
    for (const key of keys) {
      const place = at(placement, key)
      const sent = await put(await granted(place, { sizeBytes: sizeOf(key) }), key)
      expect([key, sent.status]).toEqual([key, 200])
      expect(await client.head(place)).toMatchObject({ found: true, sizeBytes: sizeOf(key) })
      const got = await get(await download(place))
      expect([key, await got.text()]).toEqual([key, key])
    }
    const { objects } = await client.list(placement, { prefix: '', limit: 1000 })
    expect(objects).toHaveLength(keys.length)
    expect(new Set(objects.map(({ key }) => key))).toEqual(new Set(keys))
    for (const key of keys) await client.remove(at(placement, key))
    expect((await client.list(placement, { prefix: '', limit: 1000 })).objects).toEqual([])
  })
})

describeOnCeph('a grant on Ceph', (ceph) => {
  it('412: a second PUT, and the first object stays', async () => {
    const place = at(await newPlacement(ceph))
    const grant = await granted(place)
    const first = await put(grant, 'hello')
    const second = await put(grant, 'world')
    expect([first.status, second.status]).toEqual([200, 412])
    expect(await (await get(await download(place))).text()).toBe('hello')
  })

  it('one 200 and nine 412: ten PUTs at once', async () => {
    const grant = await granted(at(await newPlacement(ceph)))
    const sent = await Promise.all(Array.from({ length: 10 }, () => put(grant, 'hello')))
    const statuses = sent.map(({ status }) => status).sort()
    expect(statuses).toEqual([200, ...Array.from({ length: 9 }, () => 412)])
  })

  it('200: a second PUT where versions are kept, which is why write-once must be probed', async () => {
    const placement = await newPlacement(ceph)
    await keepVersions(ceph, placement.bucket)
    const grant = await granted(at(placement))
    expect(grant.headers['if-none-match']).toBe('*')
    const first = await put(grant, 'hello')
    const second = await put(grant, 'world')
    expect([first.status, second.status]).toEqual([200, 200])
  })

  it('403: the condition left out', async () => {
    const grant = await granted(at(await newPlacement(ceph)))
    const { 'if-none-match': _, ...headers } = grant.headers
    const sent = await fetch(grant.url.reveal(), { method: 'PUT', headers, body: 'hello' })
    expect(sent.status).toBe(403)
  })

  it('200 and 412: an overwrite of the object that it names, and of another', async () => {
    const place = at(await newPlacement(ceph))
    await put(await granted(place), 'hello')
    const head = await client.head(place)
    const ifMatch = head.found ? head.etag.replaceAll('"', '') : ''
    const grant = await granted(place, { writeOnce: false, ifMatch })
    const first = await put(grant, 'world')
    const second = await put(grant, 'again')
    expect([first.status, second.status]).toEqual([200, 412])
  })

  it('400: other bytes than those of the SHA-256; 200 for the right ones', async () => {
    const place = at(await newPlacement(ceph))
    const sha256 = createHash('sha256').update('hello').digest('base64')
    const grant = await granted(place, { sha256 })
    const wrong = await put(grant, 'world')
    expect([wrong.status, (await client.head(place)).found]).toEqual([400, false])
    expect((await put(grant, 'hello')).status).toBe(200)
  })

  it('403: no public ACL, by header or by grant, beside the pinned one', async () => {
    const place = at(await newPlacement(ceph))
    const grant = await granted(place)
    const acl = { ...grant.headers, 'x-amz-acl': 'public-read' }
    const byHeader = await fetch(grant.url.reveal(), { method: 'PUT', headers: acl, body: 'hello' })
    expect(byHeader.status).toBe(403)
    const read = {
      ...grant.headers,
      'x-amz-grant-read': 'uri=http://acs.amazonaws.com/groups/global/AllUsers',
    }
    const byGrant = await fetch(grant.url.reveal(), { method: 'PUT', headers: read, body: 'hello' })
    expect(byGrant.status).toBe(400)
    expect((await client.head(place)).found).toBe(false)
  })

  it('403: the copy hole is open on Ceph 16, but the write-only key has nothing to copy', async () => {
    const placement = await newPlacement(ceph)
    await put(await granted(at(placement, 'secret')), 'hello')
    const grant = await granted(at(placement), { sizeBytes: 0 })
    const headers = { ...grant.headers, 'x-amz-copy-source': `/${placement.bucket}/secret` }
    const copied = await fetch(grant.url.reveal(), { method: 'PUT', headers })
    expect(copied.status).toBe(403)
    expect((await client.head(at(placement))).found).toBe(false)
  })

  it('403: a body without a length', async () => {
    const place = at(await newPlacement(ceph))
    const status = await putChunked(await granted(place), 'hello')
    expect([403, 411]).toContain(status)
    expect((await client.head(place)).found).toBe(false)
  })

  it('200: a download called by any name, also when the name is not ASCII', async () => {
    const place = at(await newPlacement(ceph))
    await put(await granted(place), 'hello')
    const filename = 'caf\u00e9 (1)\'s "best".txt'
    const got = await get(await download(place, { filename }))
    expect(got.status).toBe(200)
    expect(got.headers.get('content-disposition')).toBe(
      `attachment; filename="caf_ (1)'s \\"best\\".txt"; filename*=UTF-8''caf%C3%A9%20%281%29%27s%20%22best%22.txt`,
    )
  })
})

/** A PUT of a body without a length, which fetch would not send. */
function putChunked({ url, headers }: Grant, body: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(url.reveal(), { method: 'PUT', headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    sent.on('error', reject)
    sent.write(body)
    sent.end()
  })
}
