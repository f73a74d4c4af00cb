import type { CounterDrift, IndexDrift } from '../audit.ts'
import { decoded, type PassedPartition, passOver, valuesOf } from './audit-pass.ts'
import { pagesOf, replyOf, type StoredValue } from './canary-read.ts'
import { packNumbers, unpackRecord } from './codec.ts'
import type { OpenNames } from './key-walk.ts'
import { indexKey, recordKey, subjectKey } from './keys.ts'
import type { RedisArgument, RedisCommand } from './redis-link.ts'
import type { SideLink } from './side-link.ts'

/** One step of a repair: see `scripts/repair-lua.ts`. */
export interface RepairStep {
  readonly key: string
  readonly stood: RedisArgument
  readonly what: 'set' | 'del' | 'in' | 'out'
  readonly value: RedisArgument
}

/**
 * Something wrong that was so at one instant, and what would mend it, if anything may: `repaired` says
 * what would be so then.
 */
export interface Confirmed<Drift> {
  readonly drifts: readonly Drift[]
  readonly step?: RepairStep
}

export type WatchedPartition = PassedPartition & { readonly aside: SideLink }

/** Subjects that are watched at once. */
const WATCHED = 256
/** Times that subjects are watched anew because one of them was used meanwhile. */
const WATCHES = 4
/** Records of one transaction. */
const LOOKED_AT = 64

/**
 * The drifts that remain when the subjects are compared once more, and nobody has used them while that
 * went on: Redis watches them, from before their records are read until after. What is always in use
 * cannot be confirmed, and is left out: the next audit may meet it at rest. Throws `LedgerUnavailable`.
 */
export async function confirmCounters(
  where: WatchedPartition,
  subjects: readonly string[],
  names: OpenNames,
): Promise<Confirmed<CounterDrift>[]> {
  const confirmed: Confirmed<CounterDrift>[] = []
  for (const page of pagesOf(subjects, WATCHED)) {
    let left = page
    for (let watch = 0; watch < WATCHES && left.length > 0; watch += 1) {
      const { stood, found } = await compareWatched(where, left, names)
      if (found !== undefined) {
        confirmed.push(...found)
        break
      }
      // From the second time on without those that were used.
      if (watch > 0) left = await unused(where, stood)
    }
  }
  return confirmed
}

async function compareWatched(
  where: WatchedPartition,
  ids: readonly string[],
  names: OpenNames,
): Promise<{ stood: ReadonlyMap<string, StoredValue>; found?: Confirmed<CounterDrift>[] }> {
  const { partition, aside, ask } = where
  const { losses } = aside
  const keys = ids.map((id) => subjectKey(partition, id))
  const [watching] = await ask([{ name: 'WATCH', args: keys }])
  replyOf(watching)
  const values = await valuesOf(where, keys)
  const stood = new Map(ids.map((id, place) => [id, values[place] ?? null]))
  const { audit, repairs } = await passOver(where, { names, repair: true, subjects: stood })
  const touched = (await transaction(where, [{ name: 'TIME', args: [] }])) === null
  // A connection that was lost had nothing watched any more.
  if (touched || aside.losses !== losses) return { stood }
  const found = ids.flatMap((id) => {
    const drifts = audit.drifts.filter(({ subject }) => subject === id)
    if (drifts.length === 0) return []
    if (!repairs.subjects.has(id)) return [{ drifts }]
    const state = repairs.subjects.get(id)
    const step: RepairStep = {
      key: subjectKey(partition, id),
      stood: stood.get(id) ?? '',
      ...(state === undefined
        ? { what: 'del', value: '' }
        : { what: 'set', value: packNumbers(state) }),
    }
    return [{ drifts, step }]
  })
  return { stood, found }
}

async function unused(
  where: WatchedPartition,
  stood: ReadonlyMap<string, StoredValue>,
): Promise<string[]> {
  const ids = [...stood.keys()]
  const keys = ids.map((id) => subjectKey(where.partition, id))
  const values = await valuesOf(where, keys)
  return ids.filter((id, place) => isSame(stood.get(id) ?? null, values[place] ?? null))
}

function isSame(one: StoredValue, other: StoredValue): boolean {
  if (one === null || other === null) return one === other
  return one.length === other.length && one.every((byte, at) => byte === other[at])
}

/** The index drifts that remain when record and index are read in one step. Throws likewise. */
export async function confirmIndex(
  where: WatchedPartition,
  suspects: readonly IndexDrift[],
): Promise<Confirmed<IndexDrift>[]> {
  const { partition } = where
  const confirmed: Confirmed<IndexDrift>[] = []
  for (const page of pagesOf(suspects, LOOKED_AT)) {
    const reads = page.flatMap(({ rid }) => [
      { name: 'GET', args: [recordKey(partition, rid)] },
      { name: 'PTTL', args: [recordKey(partition, rid)] },
      { name: 'ZSCORE', args: [indexKey(partition), rid] },
    ])
    // Nothing is watched, unless something that failed has left it so: EXEC ends that.
    const values = (await transaction(where, reads)) ?? (await transaction(where, reads))
    if (values === null) continue
    for (const [place, drift] of page.entries()) {
      const [bytes, life, score] = values.slice(place * 3, place * 3 + 3)
      if (bytes instanceof Error) continue
      const stored = bytes instanceof Uint8Array ? bytes : undefined
      const record = stored && decoded(unpackRecord, stored)
      if (stored !== undefined && record === undefined) continue
      const isOpen = record?.state === 'P' || (record?.state === 'D' && Number(life) < 0)
      const isIndexed = score !== null
      if (isOpen === isIndexed) continue
      const { rid } = drift
      const step = { key: recordKey(partition, rid), stood: stored ?? '', value: rid }
      confirmed.push({
        drifts: [{ rid, what: isOpen ? 'missing' : 'stray', repaired: true }],
        step: { ...step, what: isOpen ? 'in' : 'out' },
      })
    }
  }
  return confirmed
}

/** What several commands answer in one step; `null` when something that is watched was used. */
async function transaction(
  { ask }: WatchedPartition,
  commands: readonly RedisCommand[],
): Promise<readonly unknown[] | null> {
  const results = await ask([
    { name: 'MULTI', args: [] },
    ...commands,
    { name: 'EXEC', args: [], binary: true },
  ])
  return replyOf(results.at(-1)) as readonly unknown[] | null
}
