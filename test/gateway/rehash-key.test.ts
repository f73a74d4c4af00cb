import { beforeEach, describe, expect, it } from 'vitest'
import { hashApiKey } from '../../src/auth/api-key.ts'
import { revokedKey } from '../../src/config/directory/change-key.ts'
import { documentName } from '../../src/config/directory/document-name.ts'
import { type KeyDocument, writeKeyDocument } from '../../src/config/directory/key-document.ts'
import { createDirectoryOverlay } from '../../src/config/directory/overlay.ts'
import { GatewayError } from '../../src/errors.ts'
import { createDirectory, type Directory } from '../../src/gateway/directory/directory.ts'
import { createRehashing, PEPPER_GRACE_MS } from '../../src/gateway/keys/rehash-key.ts'
import { createLogger } from '../../src/log.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret } from '../../src/secret.ts'
import { openMemoryState } from '../../src/state/memory.ts'
import type { StateStore } from '../../src/state/port.ts'
import { pepper } from '../auth/auth-fixture.ts'
import { eventsIn } from '../support/log-lines.ts'
import { TestClock } from '../support/test-clock.ts'

const hashOf = (id: string, version: number) =>
  hashApiKey(nodeHashing, pepper(version), new Secret(`key ${id}`))
const outdated = (id: string) => ({ id, from: hashOf(id, 1), to: hashOf(id, 2) })
const name = (id: string) => documentName({ kind: 'key', key: id })

let clock: TestClock
let state: StateStore
let log: string[]
let directory: Directory
let away: boolean
/** Writes to the store, refused ones too. */
let puts: string[]
/** Done by somebody else right before the next write. */
let meanwhile: (() => Promise<unknown>) | undefined
let rehash: ReturnType<typeof createRehashing>
beforeEach(() => {
  clock = new TestClock()
  log = []
  away = false
  puts = []
  meanwhile = undefined
  state = openMemoryState()
  directory = createDirectory({
    state: {
      ...state,
      async put(document) {
        puts.push(document.name)
        const isAway = away
        const others = meanwhile
        meanwhile = undefined
        await others?.()
        const error = new GatewayError('LedgerUnavailable', 'Cannot write: nobody answers')
        if (isAway) throw error
        return state.put(document)
      },
    },
    overlay: createDirectoryOverlay({ hashing: nodeHashing }),
    stopwatch: clock,
    alone: true,
    onChange() {},
  })
  const logger = createLogger({ write: (line) => log.push(line), clock, level: 'info' })
  rehash = createRehashing({ clock, directory, log: logger })
  rehash(outdated('first'))
  clock.advance(PEPPER_GRACE_MS)
})

/** A key of alice with one secret, made with the first pepper. */
function keyOf(id: string): KeyDocument {
  return {
    id,
    tenant: 'acme',
    user: 'alice',
    allow: [{ operations: ['list'], buckets: ['media'], prefix: 'acme/' }],
    hashes: [{ hash: hashOf(id, 1), last4: 'abcd', createdAtMs: 1 }],
    createdAtMs: 1,
  }
}

async function store(id: string): Promise<void> {
  await directory.put({ name: name(id), value: writeKeyDocument(keyOf(id)) })
  puts = []
}

const hashIn = (id: string) => directory.entries.keys.get(id)?.hashes[0]?.hash
/** Lets all go on that waits for nothing but the store in memory. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('rehashing keys', () => {
  it('writes a key once, however often it is told meanwhile', async () => {
    await store('k1')
    rehash(outdated('k1'))
    rehash(outdated('k1'))
    await settled()
    rehash(outdated('k1'))
    await settled()
    expect(puts).toEqual([name('k1')])
    expect(hashIn('k1')).toBe(hashOf('k1', 2))
    expect(eventsIn(log, 'key.rehashed')).toHaveLength(1)
  })

  it('leaves all keys to gateways without the pepper for 10 minutes, and again for the next pepper', async () => {
    await store('k1')
    const third = { ...outdated('k1'), to: hashOf('k1', 3) }
    rehash(third)
    clock.advance(PEPPER_GRACE_MS - 1)
    rehash(third)
    await settled()
    expect(puts).toEqual([])
    clock.advance(1)
    rehash(third)
    await settled()
    expect(hashIn('k1')).toBe(hashOf('k1', 3))
  })

  it('takes them one after the other, and goes on behind one that fails', async () => {
    for (const id of ['k1', 'k2', 'k3']) await store(id)
    away = true
    rehash(outdated('k1'))
    away = false
    rehash(outdated('k2'))
    rehash(outdated('k3'))
    await settled()
    expect(puts).toEqual(['k1', 'k2', 'k3'].map(name))
    expect(['k1', 'k2', 'k3'].map((id) => hashIn(id))).toEqual([
      hashOf('k1', 1),
      hashOf('k2', 2),
      hashOf('k3', 2),
    ])
  })

  it('tries again after a minute, and tells a store that is away once a minute', async () => {
    await store('k1')
    await store('k2')
    away = true
    rehash(outdated('k1'))
    rehash(outdated('k2'))
    await settled()
    away = false
    clock.advance(59_999)
    rehash(outdated('k1'))
    await settled()
    expect(hashIn('k1')).toBe(hashOf('k1', 1))
    expect(eventsIn(log, 'key.rehash_failed')).toHaveLength(1)
    clock.advance(1)
    rehash(outdated('k1'))
    await settled()
    expect(hashIn('k1')).toBe(hashOf('k1', 2))
  })

  it('writes nothing over a key that has changed, or is gone', async () => {
    await store('k1')
    rehash({ ...outdated('k1'), from: hashOf('another', 1) })
    rehash(outdated('nobody'))
    await settled()
    expect(puts).toEqual([])
    expect(hashIn('k1')).toBe(hashOf('k1', 1))
  })

  it('leaves a key as it is that somebody revokes at the same moment', async () => {
    await store('k1')
    const value = writeKeyDocument(revokedKey(keyOf('k1'), 5))
    meanwhile = () => state.put({ name: name('k1'), value })
    rehash(outdated('k1'))
    await settled()
    expect(puts).toEqual([name('k1')])
    expect((await state.get(name('k1')))?.value).toBe(value)
    expect(eventsIn(log, 'key.rehashed')).toEqual([])
  })
})
