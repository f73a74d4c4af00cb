import { describe, expect, it } from 'vitest'
import { createKeyUses, REMEMBERED_MS } from '../../src/gateway/keys/key-uses.ts'
import { startKeyUses } from '../../src/gateway/keys/start-key-uses.ts'
import { createLogger } from '../../src/log.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { openMemoryState } from '../../src/state/memory.ts'
import type { StateStore } from '../../src/state/port.ts'
import { eventsIn } from '../support/log-lines.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

const HOUR_MS = 3_600_000
const AT_NOON_MS = Date.UTC(2026, 0, 15, 12)

/** A gateway's own notes over a shared place. */
function gateway({ state = openMemoryState(), clock = new TestClock(AT_NOON_MS) } = {}) {
  const uses = createKeyUses({ state, clock, hashing: nodeHashing })
  return {
    ...uses,
    state,
    clock,
    async writeAll() {
      while (await uses.writeSome());
    },
    async lastUsed(keyId: string) {
      return (await uses.lastUsedAtMs([keyId])).get(keyId)
    },
  }
}

/** Counts reads and writes, and does first what `before` does. */
function watched(state: StateStore, before: (name: string) => Promise<unknown>) {
  let reads = 0
  let writes = 0
  const get: StateStore['get'] = (name) => {
    reads += 1
    return state.get(name)
  }
  const put: StateStore['put'] = async (document) => {
    writes += 1
    await before(document.name)
    return state.put(document)
  }
  return { ...state, get, put, reads: () => reads, writes: () => writes }
}

describe('the last use of a key', () => {
  it('is known by the hour, at once where it was used and after its write elsewhere', async () => {
    const one = gateway()
    const other = gateway({ state: one.state })
    one.clock.advance(HOUR_MS - 1)
    one.note('k1')
    expect(await one.lastUsed('k1')).toBe(AT_NOON_MS)
    expect(await other.lastUsed('k1')).toBe(undefined)
    await one.writeAll()
    expect(await other.lastUsed('k1')).toBe(AT_NOON_MS)
    one.clock.advance(1)
    const inNextHour = ['k1', 'constructor']
    for (const keyId of inNextHour) one.note(keyId)
    await one.writeAll()
    expect(await other.lastUsedAtMs([...inNextHour, 'k2'])).toEqual(
      new Map(inNextHour.map((keyId) => [keyId, AT_NOON_MS + HOUR_MS])),
    )
  })

  it('is looked at once an hour by each gateway, and written by one of them', async () => {
    const state = watched(openMemoryState(), async () => {})
    const [one, other] = [gateway({ state }), gateway({ state })]
    for (let use = 0; use < 10; use += 1) {
      for (const { note, writeAll } of [one, other]) {
        note('k1')
        await writeAll()
      }
    }
    expect([state.reads(), state.writes()]).toEqual([2, 1])
  })

  it('of thousands of keys is written in 32 documents, and read with one look at each', async () => {
    const state = watched(openMemoryState(), async () => {})
    const { note, writeAll, lastUsedAtMs } = gateway({ state })
    const keyIds = Array.from({ length: 2_000 }, (_, index) => `key${index}`)
    for (const keyId of keyIds) note(keyId)
    await writeAll()
    expect(state.writes()).toBe(32)
    expect((await gateway({ state }).lastUsedAtMs(keyIds)).size).toBe(2_000)
    expect((await lastUsedAtMs(keyIds)).size).toBe(2_000)
  })

  it('is lost by no race of two gateways for a document', async () => {
    const state = openMemoryState()
    const other = gateway({ state })
    let raced = false
    const racing = watched(state, async () => {
      if (raced) return
      raced = true
      other.note('k1')
      other.note('k2')
      await other.writeAll()
    })
    const one = gateway({ state: racing })
    const sameDocument = keyBesideK1()
    one.note(sameDocument)
    await one.writeAll()
    const found = await gateway({ state }).lastUsedAtMs(['k1', 'k2', sameDocument])
    expect([...found.keys()]).toEqual(['k1', 'k2', sameDocument])
    expect(racing.writes()).toBe(2)
  })

  it('503, and is written later, when its document cannot be; others do not wait for it', async () => {
    const state = openMemoryState()
    let away: string | undefined
    const refusing = watched(state, async (name) => {
      away ??= name
      if (name === away) throw new Error('away')
    })
    const one = gateway({ state: refusing })
    const other = gateway({ state })
    one.note('k1')
    one.note('k2')
    await expect(one.writeSome()).rejects.toThrow('away')
    expect(await one.lastUsed('k1')).toBe(AT_NOON_MS)
    expect(await one.writeSome()).toBe(true)
    expect(await other.lastUsedAtMs(['k1', 'k2'])).toEqual(new Map([['k2', AT_NOON_MS]]))
    await expect(one.writeSome()).rejects.toThrow('away')
    away = 'nothing'
    expect(await one.writeSome()).toBe(true)
    expect(await other.lastUsed('k1')).toBe(AT_NOON_MS)
    expect(await one.writeSome()).toBe(false)
  })

  it('is forgotten after 400 days, and what is no note of ours is written over', async () => {
    const one = gateway()
    one.note('k1')
    await one.writeAll()
    one.clock.advance(REMEMBERED_MS - 1)
    expect(await one.lastUsed('k1')).toBe(AT_NOON_MS)
    one.clock.advance(1)
    expect(await one.lastUsed('k1')).toBe(undefined)
    const [document] = await one.state.list({ kind: 'key-use', limit: 10 })
    for (const value of ['no JSON', '[]', 'null', '{"k1":"yesterday"}']) {
      await one.state.put({ name: document?.name ?? '', value })
      expect(await one.lastUsed('k1')).toBe(undefined)
    }
    one.note('k1')
    await one.writeAll()
    expect(await gateway(one).lastUsed('k1')).toBe(AT_NOON_MS + REMEMBERED_MS)
  })
})

describe('a gateway', () => {
  it('notes keys that were presented, refused or not, and none of a 401', async () => {
    const { app, call, context, close } = await openTestGateway()
    const lastUsed = () => context.keyUses.lastUsedAtMs(['acmealice', 'acmebob', 'globexcarol'])
    await app.request('/v1/usage', {
      headers: { authorization: `Bearer signet_acmealice_${'a'.repeat(43)}_aaaaaa` },
    })
    expect(await lastUsed()).toEqual(new Map())
    await call('GET', '/v1/usage')
    const refused = await call('GET', '/v1/objects/media?prefix=x', undefined, { who: 'acme/bob' })
    expect(refused.status).toBe(403)
    expect([...(await lastUsed()).keys()]).toEqual(['acmealice', 'acmebob'])
    await close()
  })
})

describe('the writer of last uses', () => {
  it('writes by itself, and the rest when the gateway ends', async () => {
    const one = gateway()
    const log = createLogger({ write() {}, clock: one.clock })
    const stop = startKeyUses({ keyUses: one, clock: one.clock, log }, { everyMs: 1 })
    one.note('k1')
    const other = gateway(one)
    await until('the use is written', async () => (await other.lastUsed('k1')) !== undefined)
    for (const keyId of ['k2', 'k3', 'k4']) one.note(keyId)
    await stop()
    expect((await other.lastUsedAtMs(['k2', 'k3', 'k4'])).size).toBe(3)
  })

  it('says once that it cannot, and ends all the same', async () => {
    const refusing = watched(openMemoryState(), () => Promise.reject(new Error('away')))
    const one = gateway({ state: refusing })
    const lines: string[] = []
    const log = createLogger({ write: (line) => lines.push(line), clock: one.clock })
    const stop = startKeyUses({ keyUses: one, clock: one.clock, log }, { everyMs: 1 })
    one.note('k1')
    await until('it was tried twice', async () => refusing.writes() > 1)
    await stop()
    expect(eventsIn(lines, 'key_uses.')).toMatchObject([{ event: 'key_uses.failed' }])
  })
})

/** Another key whose use is kept beside that of `k1`. */
function keyBesideK1(): string {
  const [first] = nodeHashing.sha256('k1')
  for (let index = 0; ; index += 1) {
    const keyId = `other${index}`
    if ((nodeHashing.sha256(keyId)[0] ?? 0) % 32 === (first ?? 0) % 32) return keyId
  }
}
