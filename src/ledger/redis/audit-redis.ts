import type { Clock } from '../../clock.ts'
import type { AuditRequest, CounterDrift, IndexDrift, PartitionAudit } from '../audit.ts'
import { timeOf } from './ask-server.ts'
import { passOver } from './audit-pass.ts'
import type { Ask } from './canary-read.ts'
import {
  type Confirmed,
  confirmCounters,
  confirmIndex,
  type RepairStep,
  type WatchedPartition,
} from './confirm-drift.ts'
import type { Fence } from './fence.ts'
import { createKeyWalk, type OpenNames } from './key-walk.ts'
import { epochKey, indexKey } from './keys.ts'
import { noAnswer } from './redis-node.ts'
import { fenceError, type RunFenced } from './run-fenced.ts'
import type { Topology } from './topology.ts'

export interface AuditRedisOptions {
  readonly topology: Topology
  readonly fence: Fence
  readonly run: RunFenced
  readonly clock: Clock
}

/** Repairs that others' decisions get ahead of before one is left to the next audit. */
const MAX_TRIES = 4
/** Repairs that are under way at once. */
const AT_ONCE = 32

/**
 * Audits a partition on Redis, in pages on a connection of its own, so that decisions go on. What a first
 * pass finds is compared again at one instant before it counts, and mended only where what was compared
 * still stands. One audit at a time, as they share what is watched. Throws `LedgerUnavailable`.
 */
export function createAuditRedis(
  options: AuditRedisOptions,
): (request: AuditRequest) => Promise<PartitionAudit> {
  const { topology, fence, clock } = options
  const walk = createKeyWalk(clock)
  let turn: Promise<unknown> = Promise.resolve()

  async function audit({ partition, repair, fresh }: AuditRequest): Promise<PartitionAudit> {
    const startMs = clock.nowMs()
    const server = topology.nodeOf(partition)
    if (server === undefined || !server.ready) throw noAnswer(server?.trouble ?? 'no server has it')
    const { aside } = server
    const ask: Ask = (commands) => aside.send(commands)
    const where = { partition, fence, ask, aside }
    const nowMs = await timeOf({ send: ask })
    const since = fresh === true ? { sinceMs: startMs } : {}
    let names = await walk.namesOf(partition, { ask, server, ...since })
    const { audit: found } = await passOver(where, { names, repair: false })
    if (repair && found.drifts.length > 0) {
      // A record that this walk has not met may hold what a counter seems to have too much.
      names = await walk.namesOf(partition, { ask, server, sinceMs: startMs })
    }
    const { drifts, index } = await settle(options, { where, names, repair, found })
    return { partition, nowMs, ...found, drifts, index }
  }

  return (request) => {
    const audited = turn.then(() => audit(request))
    turn = audited.catch(() => {})
    return audited
  }
}

/** Confirms what was found, and mends it on demand; what changes under every try is left out. */
async function settle(
  { run, fence }: AuditRedisOptions,
  {
    where,
    names,
    repair,
    found,
  }: {
    readonly where: WatchedPartition
    readonly names: OpenNames
    readonly repair: boolean
    readonly found: Pick<PartitionAudit, 'drifts' | 'index'>
  },
): Promise<{ drifts: CounterDrift[]; index: IndexDrift[] }> {
  const { partition } = where
  const mend = async (step: RepairStep): Promise<boolean> => {
    const { key, stood, what, value } = step
    const keys = [indexKey(partition), epochKey(partition), key]
    const call = (epoch: string) => ({ keys, args: [epoch, stood, what, value] })
    const result = await run({ partition, script: 'repair', call, durable: true })
    if (result.kind !== 'reply') throw noAnswer(result.message)
    const [code] = result.reply as [string]
    if (code === 'FENCED') throw fenceError(fence, partition)
    return code === 'OK'
  }
  let subjects = [...new Set(found.drifts.map(({ subject }) => subject))]
  let suspects = found.index
  const drifts: CounterDrift[] = []
  const index: IndexDrift[] = []
  for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
    if (suspects.length > 0) {
      const confirmed = await confirmIndex(where, suspects)
      suspects = await mendAll(confirmed, { repair, mend, into: index })
    }
    if (subjects.length > 0) {
      const confirmed = await confirmCounters(where, subjects, names)
      const left = await mendAll(confirmed, { repair, mend, into: drifts })
      subjects = [...new Set(left.map(({ subject }) => subject))]
    }
  }
  const bySubject = ({ subject }: CounterDrift) => subject
  return { drifts: sortedBy(drifts, bySubject), index: sortedBy(index, ({ rid }) => rid) }
}

/** Puts down what is wrong, as mended or not; returns what has changed before it could be mended. */
async function mendAll<Drift extends { readonly repaired: boolean }>(
  confirmed: readonly Confirmed<Drift>[],
  options: {
    readonly repair: boolean
    readonly mend: (step: RepairStep) => Promise<boolean>
    readonly into: Drift[]
  },
): Promise<Drift[]> {
  const { repair, mend, into } = options
  const changed: Drift[] = []
  for (let at = 0; at < confirmed.length; at += AT_ONCE) {
    await Promise.all(
      confirmed.slice(at, at + AT_ONCE).map(async ({ drifts, step }) => {
        const tried = repair && step !== undefined
        if (!tried || (await mend(step))) {
          into.push(...drifts.map((drift) => ({ ...drift, repaired: tried && drift.repaired })))
        } else changed.push(...drifts)
      }),
    )
  }
  return changed
}

function sortedBy<Item>(items: Item[], nameOf: (item: Item) => string): Item[] {
  return items.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : 0))
}
