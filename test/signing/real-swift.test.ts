import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import type { Capabilities } from '../../src/stores/capabilities.ts'
import type { ObjectPlace } from '../../src/stores/store-client.ts'
import { newPlacement } from '../stores/real-store.ts'
import { describeOnSwift, type SharedSwift } from '../support/stores/stores-under-test.ts'
import { at, client, download, get, granted, put } from './real-grants.ts'

describeOnSwift('a grant on Swift', (swift) => {
  it('501: a signed If-None-Match, and nothing is stored: write-once cannot be promised', async () => {
    const place = at(await newPlacement(swift))
    expect(place.placement.store.capabilities.writeOnce).toBe('refused')
    expect((await put(await granted(place, { writeOnce: true }), 'hello')).status).toBe(501)
    expect((await client.head(place)).found).toBe(false)
    expect((await put(await granted(place), 'hello')).status).toBe(200)
  })

  it('501: a signed If-Match, and the first object stays', async () => {
    const place = at(await newPlacement(swift))
    await put(await granted(place), 'hello')
    const head = await client.head(place)
    const ifMatch = head.found ? head.etag : ''
    expect((await put(await granted(place, { ifMatch }), 'world')).status).toBe(501)
    expect(await (await get(await download(place))).text()).toBe('hello')
  })

  it.each([
    ['x-amz-copy-source', '/BUCKET/secret'],
    ['x-amz-acl', 'public-read'],
    ['x-amz-grant-read', 'uri=http://acs.amazonaws.com/groups/global/AllUsers'],
    ['x-amz-meta-extra', '1'],
    ['x-amz-meta-signet', 'st1.forged'],
  ])('403: %s added or changed, and nothing is stored', async (name, value) => {
    const placement = await newPlacement(swift)
    await put(await granted(at(placement, 'secret')), 'hello')
    const place = at(placement)
    const copies = name === 'x-amz-copy-source'
    const grant = await granted(place, { sizeBytes: copies ? 0 : 5 })
    const headers = { ...grant.headers, [name]: value.replace('BUCKET', placement.bucket) }
    const body = copies ? '' : 'hello'
    const sent = await fetch(grant.url.reveal(), { method: 'PUT', headers, body })
    expect(sent.status).toBe(403)
    expect((await client.head(place)).found).toBe(false)
  })

  it('400: a PUT and a GET signed for another region', async () => {
    const place = at(await newPlacement(swift))
    await put(await granted(place), 'hello')
    const { store } = place.placement
    const elsewhere = {
      ...place,
      placement: { ...place.placement, store: { ...store, region: 'eu-central-1' } },
    }
    const sent = await put(await granted(elsewhere), 'world')
    const got = await get(await download(elsewhere))
    expect([sent.status, got.status]).toEqual([400, 400])
    expect(await got.text()).toContain('<Region>us-east-1</Region>')
    expect(await (await get(await download(place))).text()).toBe('hello')
  })

  it('403: a payload hash, with right and wrong bytes alike: none can be signed', async () => {
    const place = await placeWith(swift, { payloadHash: 'yes' })
    const grant = await granted(place, { sha256: sha256Of('hello') })
    expect([(await put(grant, 'world')).status, (await put(grant, 'hello')).status]).toEqual([
      403, 403,
    ])
    expect((await client.head(place)).found).toBe(false)
  })

  it('200: a checksum of other bytes, which nobody looks at: none can be promised', async () => {
    const place = await placeWith(swift, { checksumSha256: 'yes' })
    const grant = await granted(place, { sha256: sha256Of('hello') })
    expect((await put(grant, 'world')).status).toBe(200)
  })
})

/** A place on Swift as if it kept more than it does. */
async function placeWith(
  swift: SharedSwift,
  capabilities: Partial<Capabilities>,
): Promise<ObjectPlace> {
  const placement = await newPlacement(swift)
  const { store } = placement
  const believed = { ...store, capabilities: { ...store.capabilities, ...capabilities } }
  return at({ ...placement, store: believed })
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}
