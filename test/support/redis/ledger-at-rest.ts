import type { LedgerRecord } from '../../../src/ledger/decision.ts'
import type { ReservationState } from '../../../src/ledger/port.ts'
import { unpackRecord, unpackSubject } from '../../../src/ledger/redis/codec.ts'
import type { RedisCommand, RedisLink } from '../../../src/ledger/redis/redis-link.ts'
import { openLink } from '../../ledger/redis-fixture.ts'

/** What a ledger on Redis holds while nobody writes. */
export interface LedgerAtRest {
  /** By reservation id; of all partitions. */
  readonly records: ReadonlyMap<string, LedgerRecord>
  /**
   * Where counters and reservations disagree, one line each: pending amounts against the sum over the
   * holds, and the index against what is pending or condemned. Empty when all is well.
   */
  readonly drift: readonly string[]
  /** Ids of the reservations in a state. */
  ids(state: ReservationState): string[]
}

/** Reads the whole ledger of one server, in its own right: nothing here asks the gateway's code to sum. */
export async function ledgerAtRest({ port }: { readonly port: number }): Promise<LedgerAtRest> {
  const link = await openLink(port)
  try {
    const records = new Map<string, LedgerRecord>()
    const held = new Map<string, number>()
    const open = new Set<string>()
    for (const [key, bytes] of await valuesOf(link, 'v:*')) {
      const [, tag = '', rid = ''] = /^v:\{(\w+)\}:(.*)$/.exec(key) ?? []
      const record = unpackRecord(bytes)
      records.set(rid, record)
      if (record.state === 'P' || record.state === 'D') open.add(`${tag} ${rid}`)
      if (record.state === 'P') addHold(held, tag, record)
    }
    const counted = await pendingOf(link)
    const drift = [
      ...differences('pending', counted, held),
      ...differences('index', onesOf(await indexOf(link)), onesOf(open)),
    ]
    const ids = (state: ReservationState) =>
      [...records].filter(([, record]) => record.state === state).map(([rid]) => rid)
    return { records, drift, ids }
  } finally {
    await link.close()
  }
}

/** `tag subject limit window` → amount held, for every entry that is not 0. */
function addHold(held: Map<string, number>, tag: string, { hold, subjects }: LedgerRecord): void {
  let at = 0
  for (const subject of subjects) {
    const entries = hold[at] ?? 0
    for (let entry = 0; entry < entries; entry += 1) {
      const [limit = 0, window = 0, amount = 0] = hold.slice(at + 1 + 4 * entry)
      const name = `${tag} ${subject} ${limit} ${window}`
      held.set(name, (held.get(name) ?? 0) + amount)
    }
    at += 1 + 4 * entries
  }
}

async function pendingOf(link: RedisLink): Promise<Map<string, number>> {
  const counted = new Map<string, number>()
  for (const [key, bytes] of await valuesOf(link, 'q:*')) {
    const [, tag = '', subject = ''] = /^q:\{(\w+)\}:(.*)$/.exec(key) ?? []
    const state = unpackSubject(bytes)
    for (let at = 2 + 2 * (state[1] ?? 0); at < state.length; at += 4) {
      const [limit = 0, window = 0, , pending = 0] = state.slice(at)
      counted.set(`${tag} ${subject} ${limit} ${window}`, pending)
    }
  }
  return counted
}

async function indexOf(link: RedisLink): Promise<Set<string>> {
  const named = new Set<string>()
  for (const key of await keysOf(link, 'x:*')) {
    const rids = (await ask(link, { name: 'ZRANGE', args: [key, 0, -1] })) as string[]
    for (const rid of rids) named.add(`${key.slice(3, -1)} ${rid}`)
  }
  return named
}

function differences(
  what: string,
  found: ReadonlyMap<string, number>,
  expected: ReadonlyMap<string, number>,
): string[] {
  const names = new Set([...found.keys(), ...expected.keys()])
  return [...names].flatMap((name) => {
    const [is, should] = [found.get(name) ?? 0, expected.get(name) ?? 0]
    return is === should ? [] : [`${what} of ${name}: ${is}, and the reservations say ${should}`]
  })
}

function onesOf(names: ReadonlySet<string>): Map<string, number> {
  return new Map([...names].map((name) => [name, 1]))
}

async function keysOf(link: RedisLink, pattern: string): Promise<string[]> {
  return (await ask(link, { name: 'KEYS', args: [pattern] })) as string[]
}

async function valuesOf(link: RedisLink, pattern: string): Promise<[string, Uint8Array][]> {
  const keys = await keysOf(link, pattern)
  // One command a key: those of a cluster's node lie in many slots.
  const results = await link.send(keys.map((key) => ({ name: 'GET', args: [key], binary: true })))
  return results.flatMap((result, index): [string, Uint8Array][] => {
    if (result.kind !== 'reply') throw new Error(`Cannot read the ledger: ${result.message}`)
    return result.reply === null ? [] : [[keys[index] ?? '', result.reply as Uint8Array]]
  })
}

async function ask(link: RedisLink, command: RedisCommand): Promise<unknown> {
  const [result] = await link.send([command])
  if (result?.kind === 'reply') return result.reply
  throw new Error(`Cannot read the ledger: ${result?.message}`)
}
