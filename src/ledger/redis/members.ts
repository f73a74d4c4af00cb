import { partitionsOf } from '../rendezvous.ts'
import type { Diagnosis } from './diagnose.ts'
import type { Fence } from './fence.ts'
import { MEMBERS_KEY } from './keys.ts'
import { noAnswer } from './redis-node.ts'
import { PARTITIONS } from './tags.ts'
import type { Topology } from './topology.ts'

/** A gateway that has not been heard of for this long has no share, in milliseconds. */
const GONE_MS = 15_000

/** The gateways on one ledger, as far as sweeping is concerned. */
export interface Members {
  /**
   * Says that this gateway is there, and gives its share. Throws `LedgerUnavailable` when the server
   * does not answer.
   */
  share(nowMs: number): Promise<readonly number[]>
  /** Takes this gateway out at once. Never throws: it would be forgotten by itself. */
  leave(): Promise<void>
}

export interface MembersOptions {
  readonly topology: Topology
  readonly fence: Fence
  readonly diagnosis: Diagnosis
  /** What this gateway is called, for this purpose alone. */
  readonly self: string
}

/**
 * Gateways share the partitions to sweep. That two think a partition theirs, while one comes or goes,
 * does no harm: leases keep them apart. So where a key of another program keeps them from knowing each
 * other, which is reported, each sweeps everything.
 */
export function openMembers({ topology, fence, diagnosis, self }: MembersOptions): Members {
  let known: readonly string[] = [self]
  let isThere = false
  return {
    async share(nowMs) {
      const node = topology.nodeOf(0)
      // Nothing is written to a server that does not hold the ledger. Other partitions must be swept
      // while this one is away: those who were there the last time share them.
      const away = node === undefined || !node.ready || fence.of(0).state === 'closed'
      if (away) return partitionsOf(self, known, PARTITIONS)
      isThere = true
      const results = await node.send([
        { name: 'ZADD', args: [MEMBERS_KEY, nowMs, self] },
        { name: 'ZREMRANGEBYSCORE', args: [MEMBERS_KEY, '-inf', nowMs - GONE_MS] },
        { name: 'ZRANGE', args: [MEMBERS_KEY, 0, -1] },
      ])
      const last = results[2]
      if (last?.kind === 'error' && last.message.startsWith('WRONGTYPE')) {
        diagnosis.report(await diagnosis.explain(node, [MEMBERS_KEY], last.message))
        return partitionsOf(self, [self], PARTITIONS)
      }
      if (last?.kind !== 'reply') throw noAnswer(last?.message ?? 'no answer')
      known = last.reply as string[]
      return partitionsOf(self, known, PARTITIONS)
    },
    async leave() {
      if (!isThere) return
      const node = topology.nodeOf(0)
      if (node?.ready) await node.send([{ name: 'ZREM', args: [MEMBERS_KEY, self] }])
    },
  }
}
