import type { UnreadableValue } from '../audit.ts'
import type { AuditOutcome, PartitionAuditor } from '../audit-partition.ts'
import { createPartitionAuditor } from '../audit-partition.ts'
import { type Ask, membersOf, pagesOf, readUnderCanary, type StoredValue } from './canary-read.ts'
import { unpackRecord, unpackSubject } from './codec.ts'
import type { Fence } from './fence.ts'
import type { OpenNames } from './key-walk.ts'
import { indexKey, recordKey, subjectKey } from './keys.ts'
import { fenceError } from './run-fenced.ts'

/** A partition as a pass reads it: page by page, so not at one instant. */
export interface PassedPartition {
  readonly partition: number
  readonly fence: Fence
  readonly ask: Ask
}

/** What a pass is over. */
export interface PassScope {
  readonly names: OpenNames
  readonly repair: boolean
  /** These subjects alone, as they were read before; default: all that are named or held of. */
  readonly subjects?: ReadonlyMap<string, StoredValue>
}

/**
 * Goes through what is open in a partition and compares it (`audit-partition.ts`). While others decide,
 * what it calls a drift may be none. Throws `LedgerUnavailable`, also when the canary is not the one
 * that stands: an empty server must not look like a ledger in which all is well.
 */
export async function passOver(
  where: PassedPartition,
  { names, repair, subjects }: PassScope,
): Promise<AuditOutcome> {
  const { partition, ask } = where
  const foreign: UnreadableValue[] = []
  const auditor = createPartitionAuditor({
    nameOf: (what, id) =>
      what === 'subject' ? subjectKey(partition, id) : recordKey(partition, id),
    repair,
  })
  const due = new Set<string>()
  for await (const rids of membersOf(ask, indexKey(partition))) for (const rid of rids) due.add(rid)
  const held = await passRecords(where, { auditor, foreign, due, rids: names.records })
  if (subjects === undefined) {
    await passSubjects(where, { auditor, foreign, ids: new Set([...names.subjects, ...held]) })
  } else {
    for (const [id, bytes] of subjects) {
      if (bytes !== null) auditor.subject(id, decoded(unpackSubject, bytes))
    }
  }
  const outcome = auditor.finish()
  const hidden = new Set(foreign.map(({ name }) => name))
  // Nothing can be put where a key of another program is.
  const shown = ({ subject }: { subject: string }) => !hidden.has(subjectKey(partition, subject))
  const { audit } = outcome
  return {
    ...outcome,
    audit: {
      ...audit,
      drifts: audit.drifts.filter(shown),
      unreadable: [...audit.unreadable, ...foreign],
    },
  }
}

interface PassState {
  readonly auditor: PartitionAuditor
  /** Takes keys of other types than text. */
  readonly foreign: UnreadableValue[]
}

/** Gives the auditor all records; returns the subjects that pending ones hold of. */
async function passRecords(
  where: PassedPartition,
  {
    auditor,
    foreign,
    due,
    rids,
  }: PassState & { readonly due: ReadonlySet<string>; readonly rids: readonly string[] },
): Promise<ReadonlySet<string>> {
  const held = new Set<string>()
  const keyOf = (rid: string) => recordKey(where.partition, rid)
  // The canary is looked at even where there is nothing.
  await valuesOf(where, [])
  for (const page of pagesOf(new Set([...due, ...rids]))) {
    const values = await valuesOf(where, page.map(keyOf))
    const records = page.map((rid, place) => {
      const bytes = values[place]
      return [rid, bytes == null ? undefined : { record: decoded(unpackRecord, bytes) }] as const
    })
    const condemned = records.flatMap(([rid, found]) => (found?.record?.state === 'D' ? [rid] : []))
    const closed = await withEnd(where, condemned)
    const missing = records.flatMap(([rid, found]) => (found === undefined ? [rid] : []))
    const kinds = await foreignKeys(where.ask, missing.map(keyOf))
    foreign.push(...kinds)
    const names = new Set(kinds.map(({ name }) => name))
    for (const [rid, found] of records) {
      const indexed = due.has(rid)
      if (found !== undefined)
        auditor.record(rid, found.record, { closed: closed.has(rid), indexed })
      else if (indexed && !names.has(keyOf(rid))) auditor.lonely(rid)
      if (found?.record?.state === 'P') for (const id of found.record.subjects) held.add(id)
    }
  }
  return held
}

async function passSubjects(
  where: PassedPartition,
  { auditor, foreign, ids }: PassState & { readonly ids: ReadonlySet<string> },
): Promise<void> {
  const keyOf = (id: string) => subjectKey(where.partition, id)
  for (const page of pagesOf(ids)) {
    const values = await valuesOf(where, page.map(keyOf))
    for (const [place, id] of page.entries()) {
      const bytes = values[place]
      if (bytes != null) auditor.subject(id, decoded(unpackSubject, bytes))
    }
    const missing = page.filter((_, place) => values[place] == null)
    foreign.push(...(await foreignKeys(where.ask, missing.map(keyOf))))
  }
}

/** Values under the canary that stands. Throws `LedgerUnavailable`. */
export async function valuesOf(
  where: PassedPartition,
  keys: readonly string[],
): Promise<readonly StoredValue[]> {
  const values = await readUnderCanary(where, keys)
  if (values === undefined) throw fenceError(where.fence, where.partition)
  return values
}

/** What bytes say; `undefined` where they are not of this ledger. */
export function decoded<T>(unpack: (bytes: Uint8Array) => T, bytes: Uint8Array): T | undefined {
  try {
    return unpack(bytes)
  } catch {
    return undefined
  }
}

/** Keys that are there and hold no text: none of ours does. */
async function foreignKeys(ask: Ask, keys: readonly string[]): Promise<UnreadableValue[]> {
  if (keys.length === 0) return []
  const types = await ask(keys.map((key) => ({ name: 'TYPE', args: [key] })))
  return keys.flatMap((name, place) => {
    const result = types[place]
    const type = result?.kind === 'reply' ? String(result.reply) : 'none'
    return type === 'none' || type === 'string' ? [] : [{ name, reason: `is a ${type}` }]
  })
}

/** Condemned reservations whose object is gone have a time to live, open ones have none. */
async function withEnd(
  { partition, ask }: PassedPartition,
  rids: readonly string[],
): Promise<ReadonlySet<string>> {
  if (rids.length === 0) return new Set()
  const lives = await ask(rids.map((rid) => ({ name: 'PTTL', args: [recordKey(partition, rid)] })))
  return new Set(
    rids.filter((_, place) => {
      const life = lives[place]
      return life?.kind === 'reply' && Number(life.reply) >= 0
    }),
  )
}
