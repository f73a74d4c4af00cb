import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import { MAX_DOCUMENT_BYTES, type StateStore } from '../../src/state/port.ts'

/** Two stores over one place, as two gateways have them; one of them twice where there is no other. */
export interface StateUnderTest {
  readonly one: StateStore
  readonly other: StateStore
  close(): Promise<void>
}

const RACERS = 16
/** Far more than a follower needs to see the writes of all racers. */
const MAX_LOOKS = 10_000

/** What every driver of the port promises. The place is empty each time. */
export function stateStoreContract(name: string, open: () => Promise<StateUnderTest>): void {
  async function within(use: (opened: StateUnderTest) => Promise<void>): Promise<void> {
    const opened = await open()
    try {
      await use(opened)
    } finally {
      await opened.close()
    }
  }

  describe(`the state store contract, ${name}`, () => {
    it('shows every gateway what one has written, under a version that grows by one', () =>
      within(async ({ one, other }) => {
        expect(await other.get('probe/main')).toBe(undefined)
        expect(await one.put({ name: 'probe/main', value: '{"a":1}' })).toBe(1)
        expect(await other.put({ name: 'probe/main', value: 'Ω "\u0000" {}' })).toBe(2)
        const kept = { name: 'probe/main', version: 2, value: 'Ω "\u0000" {}' }
        expect(await one.get('probe/main')).toEqual(kept)
        expect(await one.get('probe/main2')).toBe(undefined)
      }))

    it('writes over the version that was asked for, and over no other', () =>
      within(async ({ one, other }) => {
        const put = (value: string, ifVersion: number) =>
          other.put({ name: 'run/1', value, ifVersion })
        expect(await put('x', 1)).toBe(undefined)
        expect(await put('first', 0)).toBe(1)
        expect(await put('x', 0)).toBe(undefined)
        expect(await put('second', 1)).toBe(2)
        expect(await put('x', 1)).toBe(undefined)
        expect(await put('x', 3)).toBe(undefined)
        expect(await one.get('run/1')).toMatchObject({ version: 2, value: 'second' })
      }))

    it('lets exactly one of many gateways win a race for a version', () =>
      within(async (opened) => {
        for (const ifVersion of [0, 1]) {
          const writes = Array.from({ length: RACERS }, (_, index) => {
            const store = index % 2 === 0 ? opened.one : opened.other
            return store.put({ name: 'run/1', value: `by ${index}`, ifVersion })
          })
          const versions = await Promise.all(writes)
          expect(versions.filter((version) => version === ifVersion + 1)).toHaveLength(1)
          expect(versions.filter((version) => version === undefined)).toHaveLength(RACERS - 1)
          const winner = versions.indexOf(ifVersion + 1)
          expect(await opened.one.get('run/1')).toMatchObject({ value: `by ${winner}` })
        }
      }))

    it('removes what is there, in the version that was asked for, and begins at 1 again', () =>
      within(async ({ one, other }) => {
        await one.put({ name: 'run/1', value: 'a' })
        await one.put({ name: 'run/1', value: 'b' })
        expect(await other.remove('run/1', 1)).toBe(false)
        expect(await other.remove('run/1', 2)).toBe(true)
        expect(await one.remove('run/1')).toBe(false)
        expect(await one.remove('run/1', 0)).toBe(false)
        expect(await one.list({ kind: 'run', limit: 10 })).toEqual([])
        expect(await one.put({ name: 'run/1', value: 'c', ifVersion: 0 })).toBe(1)
        expect(await one.remove('run/1')).toBe(true)
        expect(await one.get('run/1')).toBe(undefined)
      }))

    it('lists one kind in the order of names, in pages', () =>
      within(async ({ one, other }) => {
        const names = ['run/a', 'run/B', 'run/a/b', 'run/a.b', 'run/-', 'run']
        for (const name of names) await one.put({ name, value: `of ${name}` })
        for (const name of ['run-2/a', 'run0', 'ru', 'Run/a', 'run:/a', 'runs/a']) {
          await one.put({ name, value: 'of another kind' })
        }
        const expected = ['run', 'run/-', 'run/B', 'run/a', 'run/a.b', 'run/a/b']
        const listed = await other.list({ kind: 'run', limit: 1_000 })
        expect(listed).toEqual(expected.map((name) => ({ name, version: 1, value: `of ${name}` })))
        const pages: string[][] = []
        let after: string | undefined
        for (;;) {
          const request = { kind: 'run', limit: 4, ...(after !== undefined && { after }) }
          const page = (await other.list(request)).map(({ name }) => name)
          if (page.length === 0) break
          pages.push(page)
          after = page.at(-1)
        }
        expect(pages).toEqual([expected.slice(0, 4), expected.slice(4)])
        expect(await other.list({ kind: 'run', after: 'run/a', limit: 1 })).toMatchObject([
          { name: 'run/a.b' },
        ])
      }))

    it('tells every gateway what was written after a position, as it is now and in that order', () =>
      within(async ({ one, other }) => {
        const nothing = { changes: [], last: 0 }
        expect(await one.changes({ kind: 'run', after: 0, limit: 10 })).toEqual(nothing)
        const first = { name: 'run/b', value: 'Ω "\u0000" {}' }
        await one.put(first)
        await other.put({ name: 'run/a', value: 'old' })
        await one.put({ name: 'runs/a', value: 'of another kind' })
        const before = await other.changes({ kind: 'run', after: 0, limit: 10 })
        expect(before.changes.map(({ name }) => name)).toEqual(['run/b', 'run/a'])
        await other.put({ name: 'run', value: 'of the same' })
        await one.put({ name: 'run/a', value: 'new' })
        expect(await one.put({ name: 'run/b', value: 'x', ifVersion: 7 })).toBe(undefined)
        expect(await other.changes({ kind: 'run', after: 0, limit: 10 })).toEqual({
          changes: [
            { ...first, version: 1, position: 1 },
            { name: 'run', version: 1, value: 'of the same', position: 3 },
            { name: 'run/a', version: 2, value: 'new', position: 4 },
          ],
          last: 4,
        })
        expect(await one.changes({ kind: 'run', after: before.last, limit: 10 })).toMatchObject({
          changes: [{ name: 'run' }, { name: 'run/a' }],
          last: 4,
        })
        expect(await one.changes({ kind: 'run', after: 3, limit: 10 })).toMatchObject({
          changes: [{ name: 'run/a' }],
        })
        const none = { changes: [], last: 4 }
        expect(await one.changes({ kind: 'run', after: 4, limit: 10 })).toEqual(none)
        expect(await one.changes({ kind: 'run', after: 5, limit: 10 })).toEqual(none)
      }))

    it('tells changes in pages of the limit, which together have each of them once', () =>
      within(async ({ one, other }) => {
        const names = ['run/c', 'run/a', 'run/e', 'run/b', 'run/d']
        for (const name of names) await one.put({ name, value: name })
        for (const limit of [1, 2, 4, 5, 6]) {
          const seen: string[] = []
          for (let after = 0; ; ) {
            const { changes, last } = await other.changes({ kind: 'run', after, limit })
            expect(last).toBe(5)
            seen.push(...changes.map(({ name }) => name))
            expect(changes.length).toBe(Math.min(limit, 5 - after))
            if (changes.length < limit) break
            after = changes.at(-1)?.position ?? 0
          }
          expect(seen).toEqual(names)
        }
      }))

    it('gives no position twice, also when the newest document is removed', () =>
      within(async ({ one, other }) => {
        await one.put({ name: 'run/a', value: 'a' })
        await one.put({ name: 'run/b', value: 'b' })
        await other.remove('run/b')
        const left = { changes: [{ name: 'run/a', position: 1 }], last: 2 }
        expect(await one.changes({ kind: 'run', after: 0, limit: 10 })).toMatchObject(left)
        await other.remove('run/a')
        const gone = { changes: [], last: 2 }
        expect(await one.changes({ kind: 'run', after: 0, limit: 10 })).toEqual(gone)
        await one.put({ name: 'run/b', value: 'again' })
        expect(await other.changes({ kind: 'run', after: 2, limit: 10 })).toEqual({
          changes: [{ name: 'run/b', version: 1, value: 'again', position: 3 }],
          last: 3,
        })
      }))

    it('shows a follower every write of many gateways, however they race', () =>
      within(async ({ one, other }) => {
        const writes = Array.from({ length: RACERS }, (_, index) =>
          (index % 2 === 0 ? one : other).put({ name: `run/${index}`, value: '' }),
        )
        const seen = new Set<string>()
        let after = 0
        for (let looks = 0; seen.size < RACERS && looks < MAX_LOOKS; looks += 1) {
          const { changes } = await one.changes({ kind: 'run', after, limit: 3 })
          for (const { name } of changes) seen.add(name)
          after = changes.at(-1)?.position ?? after
        }
        await Promise.all(writes)
        expect(after).toBe(RACERS)
      }))

    it('confirms what was written without a change that anybody sees', () =>
      within(async ({ one, other }) => {
        await one.confirm()
        await one.put({ name: 'run/a', value: 'a' })
        await other.confirm()
        const changes = [{ name: 'run/a', version: 1, value: 'a', position: 1 }]
        const seen = await one.changes({ kind: 'run', after: 0, limit: 10 })
        expect(seen).toEqual({ changes, last: 1 })
      }))

    it('keeps the largest document whole and refuses one byte more, as bytes count', () =>
      within(async ({ one, other }) => {
        const value = 'é'.repeat(MAX_DOCUMENT_BYTES / 2)
        expect(await one.put({ name: 'large', value })).toBe(1)
        expect((await other.get('large'))?.value).toBe(value)
        await expectFault(one.put({ name: 'large', value: `${value}.` }))
        expect(await one.get('large')).toMatchObject({ version: 1 })
      }))

    it('refuses names, versions and pages that are none, and changes nothing', () =>
      within(async ({ one }) => {
        const longest = `k/${'n'.repeat(4_094)}`
        expect(await one.put({ name: longest, value: '' })).toBe(1)
        expect(await one.get(longest)).toEqual({ name: longest, version: 1, value: '' })
        for (const name of ['', `${longest}n`, 'k/ö', 'k/a b', '/a', 'k/{0}', 'k/\n']) {
          await expectFault(one.put({ name, value: '' }))
          await expectFault(one.get(name))
          await expectFault(one.remove(name))
        }
        await expectFault(one.put({ name: 'k/a', value: '', ifVersion: 0.5 }))
        await expectFault(one.put({ name: 'k/a', value: '\ud800' }))
        await expectFault(one.remove('k/a', -1))
        for (const limit of [0, 1_001, 1.5]) await expectFault(one.list({ kind: 'k', limit }))
        await expectFault(one.list({ kind: 'k/n', limit: 1 }))
        await expectFault(one.list({ kind: '', limit: 1 }))
        const changes = { kind: 'k', after: 0, limit: 1 }
        for (const limit of [0, 1_001, 1.5]) await expectFault(one.changes({ ...changes, limit }))
        for (const after of [-1, 0.5, Infinity])
          await expectFault(one.changes({ ...changes, after }))
        await expectFault(one.changes({ ...changes, kind: 'k/n' }))
        expect(await one.list({ kind: 'k', limit: 10 })).toHaveLength(1)
        expect(await one.changes(changes)).toMatchObject({ last: 1 })
      }))
  })
}

/** A fault of the program is told as one, and not as a place that does not answer. */
async function expectFault(attempt: Promise<unknown>): Promise<void> {
  const error = await attempt.catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(GatewayError)
  expect(error).toMatchObject({ code: 'InternalError' })
}
