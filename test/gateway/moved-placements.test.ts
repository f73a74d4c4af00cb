import { afterEach, describe, expect, it } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import type { Placement } from '../../src/stores/store.ts'
import { embeddedStore } from '../support/stores/stores-under-test.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { UNTIL_RELEASED_MS } from './gateway-on-store.ts'
import { type GatewayOnStores, gatewayOnStores } from './gateway-on-stores.ts'
import { reconcileAll } from './reconcile-fixture.ts'

let gateway: GatewayOnStores
afterEach(() => gateway.close())

const open = async () => {
  const store = embeddedStore()
  gateway = await gatewayOnStores({ near: store, far: store })
}
const key = (name: string) => `acme/alice/${name}`
const turnRound = ([near, far]: readonly Placement[]) => [far, near]
const dropFirst = ([, far]: readonly Placement[]) => [far]

/** Puts other placements in force, as a changed file does. */
function place(change: (placements: readonly Placement[]) => readonly (Placement | undefined)[]) {
  const { file, secrets } = gateway.context.live
  const media = file.buckets.get('media')
  if (media === undefined) throw new Error('no bucket')
  const [first, ...others] = change(media.placements).filter((each) => each !== undefined)
  if (first === undefined) throw new Error('no placement')
  const buckets = new Map([
    ...file.buckets,
    ['media', { ...media, placements: [first, ...others] }],
  ])
  gateway.context.live.replaceFile({ config: { ...file, buckets } as Config, secrets })
}

/** An upload in one part: its own URL, and the one of its part. */
async function createParts(name: string): Promise<{ id: string; partUrl: string }> {
  const body = uploadBody({ key: key(name), sizeBytes: 50, mode: 'multipart' })
  const answer = await gateway.call('POST', '/v1/uploads', body)
  expect(answer.status).toBe(201)
  const { id, multipart } = await answer.json()
  return { id, partUrl: multipart.parts[0].request.url }
}

async function put(url: string, bytes: number): Promise<void> {
  const answer = await fetch(url, { method: 'PUT', body: new Uint8Array(bytes) })
  await answer.bytes()
  expect(answer.status).toBe(200)
}

const statusOf = async (id: string) =>
  (await (await gateway.call('GET', `/v1/uploads/${id}`)).json()).status

describe.each([
  ['turned round', turnRound],
  ['without the one that they were begun at', dropFirst],
])('uploads that are under way while placements are changed: %s', (_, change) => {
  it('are completed, settled by the sweeper, put together, aborted where they were begun', async () => {
    await open()
    const sent = await gateway.upload({ key: key('sent'), sizeBytes: 10 })
    const swept = await gateway.upload({ key: key('swept'), sizeBytes: 20 })
    const parts = await createParts('parts')
    const aborted = await createParts('aborted')
    const replaced = await gateway.settled({ key: key('replaced'), sizeBytes: 5 })
    const replacing = { key: key('replaced'), sizeBytes: 7, overwrite: true }
    const overwrite = await gateway.upload(replacing)
    place(change)
    expect([sent.at, overwrite.at, replaced.at]).toEqual(['near', 'near', 'near'])
    expect((await gateway.complete(sent.id)).status).toBe(200)
    expect((await gateway.complete(overwrite.id)).status).toBe(200)
    const signed = await gateway.call('POST', `/v1/uploads/${parts.id}/parts`, { partNumbers: [1] })
    const [part] = (await signed.json()).parts
    expect(gateway.storeOf(part.request.url)).toBe('near')
    await put(part.request.url, 50)
    expect((await gateway.complete(parts.id)).status).toBe(200)
    await put(aborted.partUrl, 50)
    const asked = gateway.calls.length
    expect((await gateway.call('DELETE', `/v1/uploads/${aborted.id}`)).status).toBe(204)
    expect(gateway.calls.slice(asked)).toContain('DELETE near')
    gateway.clock.advance(UNTIL_RELEASED_MS + 3_600_000)
    await gateway.sweepAll()
    expect([await statusOf(swept.id), await statusOf(aborted.id)]).toEqual(['completed', 'aborted'])
    expect(await gateway.stored()).toBe(10 + 20 + 50 + 7)
    expect(gateway.calls.filter((call) => call.startsWith('PUT'))).toEqual([])
  })
})

it('503 and nothing is released while the store of an upload is not configured; it ends when it is back', async () => {
  await open()
  const upload = await gateway.upload({ key: key('sent'), sizeBytes: 10 })
  const before = gateway.context.live.file
  const { secrets } = gateway.context.live
  place(dropFirst)
  const { file } = gateway.context.live
  const stores = new Map([...file.stores].filter(([name]) => name !== 'near'))
  gateway.context.live.replaceFile({ config: { ...file, stores }, secrets })
  expect((await gateway.complete(upload.id)).status).toBe(503)
  gateway.clock.advance(UNTIL_RELEASED_MS)
  await gateway.sweepAll()
  expect(await statusOf(upload.id)).toBe('pending')
  gateway.context.live.replaceFile({ config: before, secrets })
  expect((await gateway.complete(upload.id)).status).toBe(200)
  expect(await gateway.stored()).toBe(10)
})

it('reconciling counts what lies in every store, once, whichever is the right one of two', async () => {
  await open()
  await gateway.settled({ key: key('one'), sizeBytes: 1 })
  await gateway.settled({ key: key('two'), sizeBytes: 2 })
  await gateway.takeAway('near')
  await gateway.settled({ key: key('two'), sizeBytes: 4 })
  await gateway.settled({ key: key('three'), sizeBytes: 8 })
  await gateway.bringBack('near')
  const { last } = await reconcileAll(gateway, { repair: true })
  expect(last).toMatchObject({ clean: true, counts: { objects: 4, counted: 4, total: 0 } })
  expect(await gateway.stored()).toBe(15)
})

it('finds an object wherever a placement comes in the list, and not where none is any more', async () => {
  await open()
  await gateway.settled({ key: key('cat'), sizeBytes: 10 })
  const path = `/v1/objects/media/${key('cat')}`
  const found = async () => (await gateway.call('HEAD', path)).status
  place(turnRound)
  expect([await gateway.downloadedFrom(key('cat')), await found()]).toEqual(['near', 200])
  place(turnRound)
  place(dropFirst)
  expect([await gateway.downloadedFrom(key('cat')), await found()]).toEqual(['far', 404])
})
