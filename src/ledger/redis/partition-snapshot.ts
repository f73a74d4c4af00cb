import { epochKey, indexKey, recordKey, subjectKey } from './keys.ts'
import type { RedisCommand, RedisResult } from './redis-link.ts'
import { noAnswer } from './redis-node.ts'

/** Sends commands to the master of a partition. */
export type Ask = (commands: readonly RedisCommand[]) => Promise<readonly RedisResult[]>

/** All that a partition holds, at one instant. Values as they lie there. */
export interface PartitionSnapshot {
  readonly nowMs: number
  readonly epoch: string
  /** `undefined`: gone meanwhile, or of another type than text. */
  readonly subjects: ReadonlyMap<string, Uint8Array | undefined>
  readonly records: ReadonlyMap<string, Uint8Array | undefined>
  readonly due: ReadonlySet<string>
}

/** Where the names of what is read come from. */
export interface SnapshotSources {
  /** Keys of subjects and records, found by a walk. */
  readonly names: readonly string[]
  /** Subjects that a record counts on; none for one that has ended or cannot be read. */
  readonly subjectsOf: (record: Uint8Array) => readonly string[]
}

/** Looks until nothing new turns up between the walk and the snapshot. */
const MAX_LOOKS = 8

/**
 * Reads a partition: one transaction reads all names and the index. What came into the index after the
 * names were found is read as well, and so are the subjects of its records. Throws
 * `LedgerUnavailable`.
 */
export async function readPartition(
  partition: number,
  ask: Ask,
  { names, subjectsOf }: SnapshotSources,
): Promise<PartitionSnapshot> {
  const prefixes = { subject: subjectKey(partition, ''), record: recordKey(partition, '') }
  const subjects = new Set(names.filter((name) => name.startsWith(prefixes.subject)))
  const records = new Set(names.filter((name) => name.startsWith(prefixes.record)))
  for (const rid of await dueOf(partition, ask)) records.add(prefixes.record + rid)
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    const snapshot = await readOnce(partition, ask, {
      subjects: [...subjects],
      records: [...records],
    })
    const [knownSubjects, knownRecords] = [subjects.size, records.size]
    for (const rid of snapshot.due) records.add(prefixes.record + rid)
    for (const bytes of snapshot.records.values()) {
      if (bytes === undefined) continue
      for (const id of subjectsOf(bytes)) subjects.add(prefixes.subject + id)
    }
    if (subjects.size === knownSubjects && records.size === knownRecords) return snapshot
  }
  throw noAnswer('the partition changes faster than it can be read')
}

async function dueOf(partition: number, ask: Ask): Promise<string[]> {
  const [due] = await ask([{ name: 'ZRANGE', args: [indexKey(partition), 0, -1] }])
  return replyOf(due) as string[]
}

async function readOnce(
  partition: number,
  ask: Ask,
  names: { readonly subjects: readonly string[]; readonly records: readonly string[] },
): Promise<PartitionSnapshot> {
  const keys = [...names.subjects, ...names.records]
  const reads: RedisCommand[] = [
    { name: 'TIME', args: [] },
    { name: 'GET', args: [epochKey(partition)] },
    { name: 'ZRANGE', args: [indexKey(partition), 0, -1] },
    ...(keys.length === 0 ? [] : [{ name: 'MGET', args: keys }]),
  ]
  const results = await ask([
    { name: 'MULTI', args: [] },
    ...reads,
    { name: 'EXEC', args: [], binary: true },
  ])
  const [time, epoch, due, values = []] = replyOf(results.at(-1)) as [
    Uint8Array[],
    Uint8Array | null,
    Uint8Array[],
    (Uint8Array | null)[] | undefined,
  ]
  const [seconds, micros] = time.map((part) => Number(text(part)))
  const valueAt = (index: number) => values[index] ?? undefined
  const own = (name: string) => name.slice(name.indexOf('}') + 2)
  return {
    nowMs: (seconds ?? 0) * 1000 + Math.floor((micros ?? 0) / 1000),
    epoch: epoch === null ? '' : text(epoch),
    due: new Set(due.map(text)),
    subjects: new Map(names.subjects.map((name, index) => [own(name), valueAt(index)])),
    records: new Map(
      names.records.map((name, index) => [own(name), valueAt(names.subjects.length + index)]),
    ),
  }
}

const utf8 = new TextDecoder()

function text(bytes: Uint8Array): string {
  return utf8.decode(bytes)
}

function replyOf(result: RedisResult | undefined): unknown {
  if (result?.kind === 'reply') return result.reply
  throw noAnswer(result?.message ?? 'no answer')
}
