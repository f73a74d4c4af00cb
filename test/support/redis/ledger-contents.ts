import { expect } from 'vitest'
import type { LedgerRecord } from '../../../src/ledger/decision.ts'
import type { SubjectState } from '../../../src/ledger/port.ts'
import { unpackRecord, unpackSubject } from '../../../src/ledger/redis/codec.ts'
import { openLink } from '../../ledger/redis-fixture.ts'

/** All that a ledger on Redis holds, as its own code reads it. */
export interface LedgerContents {
  /** By reservation id. */
  readonly records: ReadonlyMap<string, LedgerRecord>
  /** Ids that a sweeper looks at. */
  readonly indexed: ReadonlySet<string>
  /** By hash tag and subject id, as `{tag}:subject`. */
  readonly subjects: ReadonlyMap<string, SubjectState>
  /** Pending reservations that Redis would forget by itself: there must be none. */
  readonly fleeting: readonly string[]
}

/** Reads everything, while nobody writes. */
export async function readContents(port: number): Promise<LedgerContents> {
  const link = await openLink(port)
  const ask = async (name: string, args: readonly string[], binary = false) => {
    const [result] = await link.send([{ name, args, binary }])
    if (result?.kind !== 'reply') throw new Error(`Cannot read the ledger: ${result?.message}`)
    return result.reply
  }
  try {
    const keys = (await ask('KEYS', ['*'])) as string[]
    const records = new Map<string, LedgerRecord>()
    const subjects = new Map<string, SubjectState>()
    const indexed = new Set<string>()
    const fleeting: string[] = []
    for (const key of keys) {
      const bytes = async () => (await ask('GET', [key], true)) as Uint8Array
      if (key.startsWith('q:')) subjects.set(key.slice(2), unpackSubject(await bytes()))
      if (key.startsWith('x:')) {
        for (const rid of (await ask('ZRANGE', [key, '0', '-1'])) as string[]) indexed.add(rid)
      }
      if (!key.startsWith('v:')) continue
      const record = unpackRecord(await bytes())
      records.set(key.slice(key.indexOf('}') + 2), record)
      if (record.state === 'P' && (await ask('PTTL', [key])) !== -1) fleeting.push(key)
    }
    return { records, subjects, indexed, fleeting }
  } finally {
    await link.close()
  }
}

/**
 * What must hold at rest: each counter's pending amount is the sum of the pending reservations' holds,
 * the index names exactly what can still end, and Redis forgets none of it. Returns the contents.
 */
export async function expectSumsToAgree(port: number): Promise<LedgerContents> {
  const contents = await readContents(port)
  const { records, subjects, indexed, fleeting } = contents
  const pending = new Map<string, number>()
  const add = (place: string, amount: number) => {
    if (amount !== 0) pending.set(place, (pending.get(place) ?? 0) + amount)
  }
  for (const { state, hold, subjects: names } of records.values()) {
    if (state !== 'P') continue
    let at = 0
    for (const name of names) {
      const entries = hold[at] ?? 0
      for (let entry = at + 1; entry <= at + 4 * entries; entry += 4) {
        add(`${name} ${hold[entry]} ${hold[entry + 1]}`, hold[entry + 2] ?? 0)
      }
      at += 1 + 4 * entries
    }
  }
  const counted = new Map<string, number>()
  for (const [key, state] of subjects) {
    const name = key.slice(key.indexOf('}') + 2)
    for (let at = 2 + 2 * (state[1] ?? 0); at < state.length; at += 4) {
      const [id, window, posted = -1, amount = -1] = state.slice(at, at + 4)
      expect(Math.min(posted, amount)).toBeGreaterThanOrEqual(0)
      if (amount !== 0) counted.set(`${name} ${id} ${window}`, amount)
    }
  }
  expect(counted).toEqual(pending)
  const open = [...records].filter(([, { state }]) => state === 'P' || state === 'D')
  expect(indexed).toEqual(new Set(open.map(([rid]) => rid)))
  expect(fleeting).toEqual([])
  return contents
}

/** How many reservations are in a state. */
export function countOf({ records }: LedgerContents, state: LedgerRecord['state']): number {
  return [...records.values()].filter((record) => record.state === state).length
}
