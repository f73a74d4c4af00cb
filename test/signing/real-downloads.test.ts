import { describe, expect, it } from 'vitest'
import { newPlacement } from '../stores/real-store.ts'
import {
  describeOnCeph,
  describeOnSwift,
  keepVersions,
  realStores,
  type StoreUnderTest,
} from '../support/stores/stores-under-test.ts'
import { at, client, download, get, granted, put } from './real-grants.ts'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz'

describe.each(realStores())('a download from $kind', (real) => {
  const alphabet = async () => {
    const place = at(await newPlacement(real))
    const sent = await put(await granted(place, { sizeBytes: ALPHABET.length }), ALPHABET)
    expect(sent.status).toBe(200)
    return place
  }

  it.each([
    ['bytes=0-4', 'abcde', 'bytes 0-4/26'],
    ['bytes=20-', 'uvwxyz', 'bytes 20-25/26'],
    ['bytes=25-', 'z', 'bytes 25-25/26'],
    // The embedded store takes it for 0-4 (`stores.md` section 5).
    ...(real.kind === 'embedded' ? [] : [['bytes=-4', 'wxyz', 'bytes 22-25/26']]),
  ])('206: the range %s, which needs no signature', async (range = '', bytes, contentRange) => {
    const got = await get(await download(await alphabet()), { range })
    expect([got.status, await got.text()]).toEqual([206, bytes])
    expect(got.headers.get('content-range')).toBe(contentRange)
    expect(got.headers.get('content-disposition')).toBe('attachment')
  })

  it('416: a range that begins behind the last byte', async () => {
    const got = await get(await download(await alphabet()), { range: 'bytes=26-' })
    expect([got.status, await got.text()]).toEqual([416, expect.not.stringContaining(ALPHABET)])
  })

  it.each([
    ['attachment', { disposition: 'attachment' }],
    ['attachment; filename="cat.txt"', { disposition: 'attachment', filename: 'cat.txt' }],
    ['inline', { disposition: 'inline' }],
    ['inline; filename="cat.txt"', { disposition: 'inline', filename: 'cat.txt' }],
  ] as const)('200: %s, whatever the uploader stored', async (said, wanted) => {
    const place = at(await newPlacement(real))
    const { url, headers } = await granted(place)
    const stored = { ...headers, 'content-disposition': 'form-data; filename="evil.exe"' }
    const sent = await fetch(url.reveal(), { method: 'PUT', headers: stored, body: 'hello' })
    expect(sent.status).toBe(200)
    const got = await get(await download(place, wanted))
    expect([got.status, got.headers.get('content-disposition')]).toEqual([200, said])
  })

  it('403: another disposition, or none, in the URL that was signed', async () => {
    const grant = await download(await alphabet())
    const url = grant.url.reveal()
    for (const changed of [
      url.replace('response-content-disposition=attachment', 'response-content-disposition=inline'),
      url.replace('response-content-disposition=attachment&', ''),
    ]) {
      expect(changed).not.toBe(url)
      expect((await fetch(changed)).status).toBe(403)
    }
  })
})

describeOnCeph('a download of a version from Ceph', versions)
describeOnSwift('a download of a version from Swift', versions)

function versions(real: StoreUnderTest): void {
  const twoVersions = async () => {
    const placement = await newPlacement(real)
    await keepVersions(real, placement.bucket)
    const place = at(placement)
    const ids: string[] = []
    for (const body of ['hello', 'world']) {
      const sent = await put(await granted(place, { writeOnce: false }), body)
      expect(sent.status).toBe(200)
      const head = await client.head(place)
      ids.push((head.found && head.versionId) || '')
    }
    const [old = '', latest = ''] = ids
    return { place, old, latest }
  }

  it('200: each version by its id, the latest without', async () => {
    const { place, old, latest } = await twoVersions()
    const texts = []
    for (const version of [{ versionId: old }, { versionId: latest }, {}]) {
      texts.push(await (await get(await download(place, version))).text())
    }
    expect(texts).toEqual(['hello', 'world', 'world'])
    const part = await get(await download(place, { versionId: old }), { range: 'bytes=-4' })
    expect([part.status, await part.text()]).toEqual([206, 'ello'])
  })

  it('200 and 404: a deleted object is there by its version alone', async () => {
    const { place, old } = await twoVersions()
    await client.remove(place)
    const gone = await get(await download(place))
    const kept = await get(await download(place, { versionId: old }))
    expect([gone.status, kept.status, await kept.text()]).toEqual([404, 200, 'hello'])
  })

  it('403: another version in the URL, or one where none was signed', async () => {
    const { place, old, latest } = await twoVersions()
    const ofLatest = (await download(place, { versionId: latest })).url.reveal()
    const swapped = ofLatest.replace(encodeURIComponent(latest), encodeURIComponent(old))
    const added = `${(await download(place)).url.reveal()}&versionId=${encodeURIComponent(old)}`
    expect(swapped).not.toBe(ofLatest)
    expect((await fetch(ofLatest)).status).toBe(200)
    expect([(await fetch(swapped)).status, (await fetch(added)).status]).toEqual([403, 403])
  })
}
