import { afterAll, beforeAll, expect, it } from 'vitest'
import { byBytes, mergedPage } from '../../src/gateway/merge-listings.ts'
import { PROBE_PREFIX } from '../../src/stores/reserved-keys.ts'
import type { ListPage } from '../../src/stores/store-client.ts'
import { openTestGateway, type TestGateway } from '../support/test-gateway.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await openTestGateway({
    stores: { near: {}, far: {} },
    bucket: {
      placements: [
        { store: 'near', bucket: 'one' },
        { store: 'far', bucket: 'two' },
      ],
    },
  })
})
afterAll(() => gateway.close())

it('orders names as their UTF-8 bytes are, whatever they are made of', () => {
  const names = ['', 'a', 'a/', 'aa', 'b', '\u00e9', '\ud7ff', '\ue000', '\uffff', '\u{10000}']
  names.push('\u{1f408}', '\u{1f409}', '\u{10ffff}', 'a\uffff', 'a\u{10000}')
  const bytes = (name: string) => Buffer.from(name, 'utf8')
  for (const one of names) {
    for (const other of names) {
      const expected = Math.sign(Buffer.compare(bytes(one), bytes(other)))
      expect([one, other, Math.sign(byBytes(one, other))]).toEqual([one, other, expected])
    }
  }
})

const entry = (key: string) => ({ key, sizeBytes: 1, etag: '"e"', lastModified: '' })

/** Pages of the two stores by turns, whatever is asked. */
async function pageOf(lists: Readonly<Record<string, readonly ListPage[]>>, startAfter?: string) {
  const asked = new Map<string, number>()
  const bucket = gateway.context.config.buckets.get('media')
  if (bucket === undefined) throw new Error('no bucket')
  const storeClient: typeof gateway.context.storeClient = {
    ...gateway.context.storeClient,
    async list({ store: { name } }) {
      const turn = asked.get(name) ?? 0
      asked.set(name, turn + 1)
      const pages = lists[name] ?? []
      return pages[Math.min(turn, pages.length - 1)] ?? { objects: [] }
    },
  }
  return mergedPage({ ...gateway.context, storeClient }, bucket, {
    ...{ tenant: 'acme', prefix: '', limit: 3 },
    ...(startAfter !== undefined && { startAfter }),
  })
}

it('shows no name beyond the page of a list that goes on, for others may come before it', async () => {
  const page = await pageOf({
    near: [{ objects: [entry('a')], next: 'more' }],
    far: [{ objects: [entry('b'), entry('c')] }],
  })
  expect([page.objects.map(({ key }) => key), page.last]).toEqual([['a'], 'a'])
})

it('goes on behind pages without anything new, of a store that does not know where to begin', async () => {
  const near = [
    { objects: [entry('a'), entry('b')], next: '2' },
    { objects: [], next: '3' },
    { objects: [entry('c')] },
  ]
  const page = await pageOf({ near, far: [{ objects: [] }] }, 'b')
  expect([page.objects.map(({ key }) => key), page.last]).toEqual([['c'], undefined])
})

it('503: a store that gives one empty page after another, ten at most', async () => {
  const near = [{ objects: [], next: 'more' }]
  await expect(pageOf({ near, far: [{ objects: [] }] })).rejects.toMatchObject({
    code: 'StoreUnavailable',
  })
  const late = [...Array.from({ length: 9 }, () => ({ objects: [], next: 'more' }))]
  const page = await pageOf({ near: [...late, { objects: [entry('a')] }], far: [{ objects: [] }] })
  expect(page.objects.length).toBe(1)
})

it('shows nothing of a probe, and goes on behind what it has left', async () => {
  const names = [1, 2, 3].map((n) => entry(`${PROBE_PREFIX}${n}`))
  const page = await pageOf({ near: [{ objects: names, next: 'more' }], far: [{ objects: [] }] })
  expect(page).toEqual({ objects: [], last: `${PROBE_PREFIX}3` })
})

it('a name that is in neither list any more ends it', async () => {
  expect(await pageOf({ near: [{ objects: [] }], far: [{ objects: [] }] }, 'z')).toEqual({
    objects: [],
  })
})
