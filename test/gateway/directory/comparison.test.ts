import { describe, expect, it } from 'vitest'
import { documentName } from '../../../src/config/directory/document-name.ts'
import { createDirectoryOverlay } from '../../../src/config/directory/overlay.ts'
import { createDirectory } from '../../../src/gateway/directory/directory.ts'
import { nodeHashing } from '../../../src/runtime/node-hashing.ts'
import { openMemoryState } from '../../../src/state/memory.ts'
import type { StateStore } from '../../../src/state/port.ts'
import { TestClock } from '../../support/test-clock.ts'

/** Three pages, the last of them not full. */
const USERS = 2_100
const EVERY_MS = 60_000

const nameOf = (user: string) => documentName({ kind: 'user', tenant: 'initech', user })

/** A store with so many users and then `last`, each with its own first sight. */
async function filled(last: readonly string[]): Promise<StateStore> {
  const state = openMemoryState()
  const value = (at: number) => JSON.stringify({ firstSeenAtMs: at })
  for (let at = 0; at < USERS; at += 1)
    await state.put({ name: nameOf(`u${at}`), value: value(at) })
  for (const user of last) await state.put({ name: nameOf(user), value: value(0) })
  return state
}

/** A directory whose store can be replaced by one that has lost writes, and taken others since. */
async function followed() {
  let current = await filled(['peter', 'milton'])
  let pages = 0
  const clock = new TestClock()
  const directory = createDirectory({
    state: {
      ...current,
      put: (document) => current.put(document),
      changes(request) {
        pages += 1
        return current.changes(request)
      },
    },
    overlay: createDirectoryOverlay({ hashing: nodeHashing }),
    stopwatch: clock,
    alone: false,
    onChange() {},
  })
  await directory.sync()
  return {
    directory,
    clock,
    become: (state: StateStore) => {
      current = state
    },
    known: (user: string) => directory.entries.users.get('initech')?.get(user),
    /** Pages that were read by one more look. */
    async look() {
      const before = pages
      await directory.sync()
      return pages - before
    },
  }
}

describe('a directory whose store has lost writes and given their positions anew', () => {
  it('finds out within a minute and some looks, a page with each of them', async () => {
    const { known, clock, become, look } = await followed()
    const other = await filled(['milton', 'lumbergh', 'bolton'])
    await other.put({ name: nameOf('u1'), value: '{"firstSeenAtMs":7,"suspended":true}' })
    await other.put({ name: nameOf('u1'), value: '{"firstSeenAtMs":7}' })
    become(other)
    clock.advance(EVERY_MS - 1)
    expect(await look()).toBe(1)
    expect([known('peter') === undefined, known('lumbergh') === undefined]).toEqual([false, true])
    clock.advance(1)
    expect([await look(), await look(), known('peter') === undefined]).toEqual([2, 2, false])
    expect([await look(), known('peter'), known('u1')]).toEqual([
      2,
      undefined,
      { firstSeenAtMs: 7 },
    ])
    expect(known('lumbergh')).toEqual({ firstSeenAtMs: 0 })
    expect([await look(), known('u2')]).toEqual([1, { firstSeenAtMs: 2 }])
    clock.advance(EVERY_MS)
    expect(await look()).toBe(2)
  })

  it('keeps what is made or changed while it looks', async () => {
    const { directory, known, clock, look } = await followed()
    clock.advance(EVERY_MS)
    expect(await look()).toBe(2)
    await directory.put({ name: nameOf('new'), value: '{"firstSeenAtMs":8}' })
    // As a user who was just seen, whom nobody has written down yet.
    directory.entries.restore([
      { name: nameOf('assumed'), value: '{"firstSeenAtMs":9}', version: 0 },
    ])
    await directory.put({ name: nameOf('u1'), value: '{"firstSeenAtMs":10}' })
    // Two more pages, and the look that finds nothing to compare.
    const pages = [await look(), await look(), await look()]
    expect(pages.at(-1)).toBe(1)
    expect(['new', 'assumed', 'u1'].map((user) => known(user)?.firstSeenAtMs)).toEqual([8, 9, 10])
    expect(directory.document(nameOf('u1'))?.version).toBe(2)
  })
})
