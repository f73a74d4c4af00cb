import type { Clock } from '../../clock.ts'
import type { AuditRequest, PartitionAudit, UnreadableValue as Unreadable } from '../audit.ts'
import { type AuditOutcome, auditPartition, type Repairs } from '../audit-partition.ts'
import { packNumbers, unpackRecord, unpackSubject } from './codec.ts'
import type { Fence } from './fence.ts'
import { createKeyWalk } from './key-walk.ts'
import { epochKey, indexKey, recordKey, subjectKey } from './keys.ts'
import { type Ask, type PartitionSnapshot, readPartition } from './partition-snapshot.ts'
import type { RedisArgument } from './redis-link.ts'
import { noAnswer } from './redis-node.ts'
import { fenceError, type RunFenced } from './run-fenced.ts'
import type { Topology } from './topology.ts'

export interface AuditRedisOptions {
  readonly topology: Topology
  readonly fence: Fence
  readonly run: RunFenced
  readonly clock: Clock
}

/** Repairs that others' decisions get ahead of before it is given up. */
const MAX_TRIES = 8

/**
 * Audits a partition on Redis: compares one snapshot of it with itself, and mends only what still
 * stands as it was compared. Throws `LedgerUnavailable`.
 */
export function createAuditRedis(
  options: AuditRedisOptions,
): (request: AuditRequest) => Promise<PartitionAudit> {
  const { topology, fence, run, clock } = options
  const walk = createKeyWalk(clock)

  async function snapshotOf(partition: number): Promise<{ snapshot: PartitionSnapshot; ask: Ask }> {
    const node = topology.nodeOf(partition)
    if (node === undefined || !node.ready) throw noAnswer(node?.trouble ?? 'no server has it')
    const ask: Ask = (commands) => node.send(commands)
    const names = await walk.namesOf(partition, ask, node)
    const snapshot = await readPartition(partition, ask, { names, subjectsOf: subjectsOfPending })
    const place = fence.of(partition)
    // An empty server must not look like a ledger in which all is well.
    if (place.state === 'closed' || place.epoch !== snapshot.epoch)
      throw fenceError(fence, partition)
    return { snapshot, ask }
  }

  return async ({ partition, repair }) => {
    for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
      const { snapshot, ask } = await snapshotOf(partition)
      const { audit, repairs } = await compare(partition, { snapshot, ask, repair })
      const steps = stepsOf(partition, snapshot, repairs)
      if (steps.length === 0) return { partition, nowMs: snapshot.nowMs, ...audit }
      const keys = [indexKey(partition), epochKey(partition), ...steps.map(({ key }) => key)]
      const call = (epoch: string) => ({
        keys,
        args: [epoch, ...steps.flatMap(({ stood, what, value }) => [stood, what, value])],
      })
      const result = await run({ partition, script: 'repair', call, durable: true })
      if (result.kind !== 'reply') throw noAnswer(result.message)
      const [code] = result.reply as [string]
      if (code === 'OK') return { partition, nowMs: snapshot.nowMs, ...audit }
    }
    throw noAnswer('the partition changes faster than it can be mended')
  }
}

async function compare(
  partition: number,
  options: { readonly snapshot: PartitionSnapshot; readonly ask: Ask; readonly repair: boolean },
): Promise<AuditOutcome> {
  const { snapshot, ask, repair } = options
  const unreadable: Unreadable[] = []
  const records = new Map<string, ReturnType<typeof unpackRecord> | undefined>()
  for (const [rid, bytes] of snapshot.records) {
    // Forgotten between the walk and the snapshot; in the index it is the auditor's to report.
    if (bytes === undefined) continue
    records.set(rid, decoded(unpackRecord, bytes))
  }
  const subjects = [...snapshot.subjects].flatMap(([id, bytes]) =>
    bytes === undefined ? [] : [[id, decoded(unpackSubject, bytes)] as const],
  )
  unreadable.push(...(await foreignKeys(partition, snapshot, ask)))
  const condemned = [...records].filter(([, record]) => record?.state === 'D').map(([rid]) => rid)
  const closed = await withEnd(partition, condemned, ask)
  return auditPartition(
    {
      subjects,
      records: [...records].map(([rid, record]) => [rid, record, closed.has(rid)] as const),
      due: snapshot.due,
      nameOf: (what, id) =>
        what === 'subject' ? subjectKey(partition, id) : recordKey(partition, id),
      unreadable,
    },
    { repair },
  )
}

function subjectsOfPending(bytes: Uint8Array): readonly string[] {
  const record = decoded(unpackRecord, bytes)
  return record?.state === 'P' ? record.subjects : []
}

function decoded<T>(unpack: (bytes: Uint8Array) => T, bytes: Uint8Array): T | undefined {
  try {
    return unpack(bytes)
  } catch {
    return undefined
  }
}

/** Keys that are there and hold no text: none of ours does. */
async function foreignKeys(
  partition: number,
  { subjects, records }: PartitionSnapshot,
  ask: Ask,
): Promise<Unreadable[]> {
  const names = [
    ...[...subjects]
      .filter(([, bytes]) => bytes === undefined)
      .map(([id]) => subjectKey(partition, id)),
    ...[...records]
      .filter(([, bytes]) => bytes === undefined)
      .map(([rid]) => recordKey(partition, rid)),
  ]
  if (names.length === 0) return []
  const types = await ask(names.map((name) => ({ name: 'TYPE', args: [name] })))
  return names.flatMap((name, index) => {
    const result = types[index]
    const type = result?.kind === 'reply' ? String(result.reply) : 'none'
    return type === 'none' || type === 'string' ? [] : [{ name, reason: `is a ${type}` }]
  })
}

/** Condemned reservations whose object is gone have a time to live, open ones have none. */
async function withEnd(partition: number, rids: readonly string[], ask: Ask): Promise<Set<string>> {
  if (rids.length === 0) return new Set()
  const lives = await ask(rids.map((rid) => ({ name: 'PTTL', args: [recordKey(partition, rid)] })))
  return new Set(
    rids.filter((_, index) => {
      const life = lives[index]
      return life?.kind === 'reply' && Number(life.reply) >= 0
    }),
  )
}

interface Step {
  readonly key: string
  readonly stood: RedisArgument
  readonly what: 'set' | 'del' | 'in' | 'out'
  readonly value: RedisArgument
}

function stepsOf(partition: number, snapshot: PartitionSnapshot, repairs: Repairs): Step[] {
  const steps: Step[] = []
  for (const [id, state] of repairs.subjects) {
    const stood = snapshot.subjects.get(id) ?? ''
    const key = subjectKey(partition, id)
    if (state === undefined) steps.push({ key, stood, what: 'del', value: '' })
    else steps.push({ key, stood, what: 'set', value: packNumbers(state) })
  }
  for (const [what, rids] of [
    ['in', repairs.missing],
    ['out', repairs.stray],
  ] as const) {
    for (const rid of rids) {
      const stood = snapshot.records.get(rid) ?? ''
      steps.push({ key: recordKey(partition, rid), stood, what, value: rid })
    }
  }
  return steps
}
