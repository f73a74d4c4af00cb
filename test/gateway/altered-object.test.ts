import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import type { StoreClient } from '../../src/stores/store-client.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { describeOnCeph, embeddedStore, storeClient } from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import { type Fault, faultyLedger, faultyStore, makeFaulty, PortFaults } from './faulty-ports.ts'
import {
  type Created,
  type GatewayOnStore,
  GRANT_MS,
  gatewayOnStore,
  UNTIL_RELEASED_MS,
} from './gateway-on-store.ts'

let gateway: GatewayOnStore

type Options = Parameters<typeof gatewayOnStore>[1]

/** By which somebody who holds a URL attacks it: what is added, and what the gateway calls it. */
const ATTACKS: readonly (readonly [header: string, value: string, called: string])[] = [
  ['x-amz-acl', 'public-read', 'x-amz-acl'],
  ['x-amz-grant-read', 'uri="http://acs.amazonaws.com/groups/global/AllUsers"', 'x-amz-acl'],
  ['x-amz-tagging', 'stolen=yes', 'x-amz-tagging'],
  ['x-amz-website-redirect-location', 'https://evil.example', 'x-amz-website-redirect-location'],
]
/** Nothing pinned: what a probe finds of a store that takes unsigned headers and lets none be pinned. */
const OPEN = { fixedHeaders: {}, unsignedHeaders: 'accept', writeOnce: 'if-none-match' }
const COPYLESS = { unsignedCopySource: 'closed' }

/** The client's PUT by its grant, and one header more that nobody signed. */
async function putWith(
  { request }: Created,
  added: Readonly<Record<string, string>>,
): Promise<number> {
  if (request === undefined) throw new Error('the upload has no grant')
  const headers = { ...request.headers, ...added }
  const answer = await fetch(request.url, { method: 'PUT', headers, body: new Uint8Array(1_000) })
  await answer.bytes()
  return answer.status
}

/** Lets the time of all uploads go by, and sweeps. */
async function ended(): Promise<void> {
  for (const _ of [1, 2]) {
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
  }
}

/** Counts the gateway's own calls. */
function counting(calls: string[]): (client: StoreClient) => StoreClient {
  return (client) => ({
    ...client,
    head: (place, versionId) => {
      calls.push('head')
      return client.head(place, versionId)
    },
    acl: (place) => {
      calls.push('acl')
      return client.acl(place)
    },
  })
}

async function altered(): Promise<number> {
  const metrics = (await gateway.context.readMetrics?.()) ?? ''
  const counts = [...metrics.matchAll(/^signet_alarm_altered_total\{[^}]*\} (\d+)/gm)]
  return counts.reduce((sum, [, count]) => sum + Number(count), 0)
}

describeOnCeph('an upload to which whoever held its URL has added', (ceph) => {
  const open = async (options: Options = {}) => {
    gateway = await gatewayOnStore(ceph, {
      ...options,
      store: { capabilities: { ...OPEN, ...COPYLESS }, ...options.store },
    })
  }

  describe('where the object is kept', () => {
    const calls: string[] = []
    const stored = async () => {
      const { 'tenant-stored': level } = await gateway.usage()
      return level ?? { used: 0, pending: 0 }
    }
    beforeAll(async () => {
      const upload = { tagKeys: ['album'], storageClasses: ['STANDARD'] }
      await open({ bucket: { upload }, onClient: counting(calls) })
    })
    afterAll(() => gateway.close())

    it.each(ATTACKS)('409: %s: %s is rejected, kept and charged', async (header, value, called) => {
      const before = await altered()
      const { used } = await stored()
      const upload = await gateway.create({ key: `acme/alice/${header}` })
      expect(await putWith(upload, { [header]: value })).toBe(200)
      for (const _ of [1, 2]) {
        const answer = await gateway.complete(upload.id)
        expect(((await answer.clone().json()) as { detail: string }).detail).toBe(
          `Cannot complete the upload: the object was sent with ${called}, unsigned`,
        )
        await expectRefused(answer, { status: 409, code: 'UploadRejected' })
      }
      expect(await gateway.status(upload.id)).toBe('rejected')
      expect(await gateway.sizeAtStore(upload.key)).toBe(1_000)
      expect(await stored()).toEqual({ used: used + 1_000, pending: 0 })
      const ended = expect.objectContaining({ event: 'upload.rejected', uploadId: upload.id })
      expect(gateway.audited).toContainEqual(ended)
      const logged = gateway.log.filter(
        (line) => line.includes(upload.id) && line.includes('altered'),
      )
      expect(logged).toEqual([expect.stringContaining(`"headers":"${called}"`)])
      expect((await altered()) - before).toBe(1)
    })

    it('ordinary headers, is none of these: they are left alone', async () => {
      const upload = await gateway.create({ key: 'acme/alice/ordinary' })
      const ordinary = { 'cache-control': 'no-store', 'content-disposition': 'inline' }
      const meta = { 'content-encoding': 'x-own', 'x-amz-meta-more': '1' }
      expect(await putWith(upload, { ...ordinary, ...meta })).toBe(200)
      expect((await gateway.complete(upload.id)).status).toBe(200)
    })

    it('what it was asked for with, is as it was granted', async () => {
      const asked = { tags: { album: 'cats' }, storageClass: 'STANDARD' }
      const upload = await gateway.create({ key: 'acme/alice/asked', ...asked })
      expect(await putWith(upload, {})).toBe(200)
      expect((await gateway.complete(upload.id)).status).toBe(200)
      const url = `${ceph.endpoint}/${gateway.storeBucket}/${upload.key}`
      const head = await storeClient(ceph).fetch(url, { method: 'HEAD' })
      expect(head.headers.get('x-amz-tagging-count')).toBe('1')
    })

    it('nothing, is completed with one more look where access could have been added', async () => {
      const upload = await gateway.create({ key: 'acme/alice/nothing' })
      await gateway.put(upload)
      calls.length = 0
      expect((await gateway.complete(upload.id)).status).toBe(200)
      expect(calls).toEqual(['head', 'acl'])
    })
  })

  describe('elsewhere', () => {
    afterEach(() => gateway.close())

    it('409: is removed and costs nothing where the bucket says so', async () => {
      await open({ bucket: { upload: { altered: 'delete' } } })
      const upload = await gateway.create()
      const [first, , third] = ATTACKS
      const added = Object.fromEntries([first, third].map((attack) => [attack?.[0], attack?.[1]]))
      expect(await putWith(upload, added)).toBe(200)
      const answers = await Promise.all([1, 2, 3].map(() => gateway.complete(upload.id)))
      for (const answer of [...answers, await gateway.complete(upload.id)]) {
        await expectRefused(answer, { status: 409, code: 'UploadRejected' })
      }
      expect(await gateway.sizeAtStore(upload.key)).toBeUndefined()
      await ended()
      expect((await gateway.usage())['tenant-stored']).toEqual({ used: 0, pending: 0 })
      expect((await gateway.usage())['user-pending']).toEqual({ used: 0, pending: 0 })
    })

    it('is removed again, also when it is right, as often as its URL brings one', async () => {
      await open({ bucket: { upload: { altered: 'delete' } } })
      const upload = await gateway.create()
      expect(await putWith(upload, { 'x-amz-tagging': 'a=b' })).toBe(200)
      expect((await gateway.complete(upload.id)).status).toBe(409)
      // Twice: what comes while the URL lives, and at its last moment.
      for (const added of [{}, { 'x-amz-tagging': 'a=b' }]) {
        expect(await putWith(upload, added)).toBe(200)
        expect(await gateway.status(upload.id)).toBe('rejected')
        expect((await gateway.usage())['tenant-stored']).toEqual({ used: 0, pending: 1_000 })
        gateway.clock.advance(GRANT_MS)
        await gateway.sweepAll()
        expect(await gateway.sizeAtStore(upload.key)).toBeUndefined()
      }
      await ended()
      expect(await gateway.status(upload.id)).toBe('rejected')
      expect((await gateway.complete(upload.id)).status).toBe(409)
      expect((await gateway.usage())['tenant-stored']).toEqual({ used: 0, pending: 0 })
      const ends = gateway.audited.filter(({ event }) => event === 'upload.rejected')
      expect(ends).toHaveLength(1)
    })

    it('is rejected by the sweeper too, when nobody completes it, even after its release', async () => {
      await open()
      const early = await gateway.create()
      expect(await putWith(early, { 'x-amz-tagging': 'a=b' })).toBe(200)
      const late = await gateway.create({ key: 'acme/alice/late.jpg' })
      gateway.clock.advance(UNTIL_RELEASED_MS)
      await gateway.sweepAll()
      gateway.clock.advance(UNTIL_RELEASED_MS)
      await gateway.sweepAll()
      expect(await gateway.status(early.id)).toBe('rejected')
      expect(await gateway.status(late.id)).toBe('expired')
      expect(await putWith(late, { 'x-amz-tagging': 'a=b' })).toBe(200)
      await expectRefused(await gateway.complete(late.id), { status: 409, code: 'UploadRejected' })
      expect((await gateway.usage())['tenant-stored']).toEqual({ used: 2_000, pending: 0 })
    })

    it('is rejected and removed once, wherever a crash cuts that off', async () => {
      const clock = new TestClock(Date.now())
      const faults = new PortFaults()
      await open({
        clock,
        bucket: { upload: { altered: 'delete' } },
        onClient: (client) => faultyStore(client, faults),
        overrides: { ledger: faultyLedger(openMemoryLedger({ clock }), faults) },
      })
      makeFaulty(gateway.context, faults)
      const crash = async (at: number, fault: Fault) => {
        const upload = await gateway.create({ key: `acme/alice/${at}-${fault}` })
        expect(await putWith(upload, { 'x-amz-tagging': 'a=b' })).toBe(200)
        gateway.audited.length = 0
        faults.plan({ at, fault, once: false })
        await gateway.complete(upload.id)
        const calls = [...faults.calls]
        faults.plan()
        await ended()
        expect(await gateway.status(upload.id)).toBe('rejected')
        expect(await gateway.sizeAtStore(upload.key)).toBeUndefined()
        expect((await gateway.usage())['tenant-stored']).toEqual({ used: 0, pending: 0 })
        const ends = gateway.audited.filter(({ event }) => event === 'upload.rejected')
        expect(ends.length).toBeLessThanOrEqual(1)
        return calls
      }
      const whole = await crash(99, 'lost')
      expect(whole).toEqual([
        'find',
        'store.head',
        'store.acl',
        'M',
        'audit',
        // Whether it still is this upload's.
        'store.head',
        'store.remove',
        'store.head',
        // Of the refusal itself.
        'audit',
      ])
      for (let at = 3; at < whole.length; at += 1) {
        await crash(at, 'refused')
        await crash(at, 'lost')
      }
    })

    it('403: access, where the headers for it are pinned: the store itself refuses', async () => {
      const calls: string[] = []
      gateway = await gatewayOnStore(ceph, { onClient: counting(calls) })
      const upload = await gateway.create()
      expect(upload.request?.headers).toMatchObject({ 'x-amz-acl': 'private' })
      expect(await putWith(upload, { 'x-amz-acl': 'public-read' })).toBe(403)
      const [, [grant, everyone] = ['', '']] = ATTACKS
      expect(await putWith(upload, { [grant]: everyone })).toBe(400)
      expect(await putWith(upload, {})).toBe(200)
      expect((await gateway.complete(upload.id)).status).toBe(200)
      // What is pinned is not looked for: no call for access rules.
      expect(calls).toEqual(['head'])
    })
  })
})

it('a store where nothing can be added is asked no more than before', async () => {
  const calls: string[] = []
  gateway = await gatewayOnStore(embeddedStore(), { onClient: counting(calls) })
  const upload = await gateway.create()
  expect(await putWith(upload, { 'x-amz-tagging': 'a=b' })).toBe(403)
  await gateway.put(upload)
  expect((await gateway.complete(upload.id)).status).toBe(200)
  expect(calls).toEqual(['head'])
  await gateway.close()
})
