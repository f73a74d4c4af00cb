import { type Epoch, epochId, epochText, parseEpoch } from './epoch.ts'
import { epochKey, recordKey } from './keys.ts'
import { isMoved } from './not-executed.ts'
import type { RedisCommand, RedisResult } from './redis-link.ts'
import type { Durability } from './settings.ts'

/** Whether a partition may be decided on, and under which epoch. */
export type PartitionFence =
  | { readonly state: 'open'; readonly epoch: string }
  | { readonly state: 'reasserting'; readonly epoch: string; readonly openAtMs: number }
  | { readonly state: 'closed'; readonly why: FenceReason }

/**
 * `unknown`: nobody has looked yet. `moving`: the server sends us elsewhere. `missing`: no canary, so the data is gone or was never there. `gone`: no canary, and there was one.
 * `foreign`: what is in its place is none. `lost`: an acknowledged reservation is gone. `older`: data
 * from before what was seen already.
 */
export type FenceReason = 'unknown' | 'moving' | 'missing' | 'gone' | 'foreign' | 'lost' | 'older'

/** A server as the fence needs it. */
export interface FencedServer {
  readonly replicationId: string
  /** Whether it has a partition still: when another server has it by now, that one's look counts. */
  has(partition: number): boolean
  send(commands: readonly RedisCommand[]): Promise<readonly RedisResult[]>
  /** `EVALSHA` of the fence script. */
  moveCommand(key: string, from: string, to: string): RedisCommand
}

/** How long gateways put back what may be lost before the ledger opens, in milliseconds. */
export const REASSERT_MS = 5_000
/** A witness is asked for while its record must still be there: retention is 2 h at least. */
const WITNESS_MS = 3_600_000
/** More than one, as the last one may be a replay of what every replica has had for long. */
const WITNESSES = 4
const CLOSED: PartitionFence = { state: 'closed', why: 'unknown' }
const MOVING: PartitionFence = { state: 'closed', why: 'moving' }

interface NextEpoch {
  /** Of the server that has the canary now. */
  readonly replicationId: string
  /** Acknowledged reservations are gone. */
  readonly lost: boolean
  readonly nowMs: number
}

interface Witness {
  readonly rid: string
  readonly atMs: number
}

export interface Fence {
  of(partition: number): PartitionFence
  /** An acknowledged reservation: it must be there after any failover. */
  witness(partition: number, rid: string, nowMs: number): void
  /** Nothing is granted there until somebody has looked. */
  close(partitions: readonly number[]): void
  /** Looks at the canaries, and moves those of another replication. Throws when there is no answer. */
  recover(server: FencedServer, partitions: readonly number[], nowMs: number): Promise<void>
}

/**
 * Keeps the ledger from granting fresh quota on a server that does not have what was granted before:
 * an empty, wrong, restored or freshly promoted one (`ledger.md` section 9, fence). `isRestated`:
 * whether what this gateway granted under other epochs has been put back; until then a partition does
 * not open here.
 */
export function createFence(
  durability: Durability,
  isRestated: (partition: number, epoch: string) => boolean = () => true,
): Fence {
  const fences = new Map<number, PartitionFence>()
  const seen = new Map<number, number>()
  const witnesses = new Map<number, readonly Witness[]>()
  /** Those that were decided on: without data they are no new ones. */
  const wereOpen = new Set<number>()

  function adopt(partition: number, text: string, replicationId: string): PartitionFence {
    const fence = judge(partition, text, replicationId)
    fences.set(partition, fence)
    if (fence.state === 'open') wereOpen.add(partition)
    const epoch = parseEpoch(text)
    // A move that no replica had yet may be undone by the next failover: `witness` tells when they had.
    const lasting = durability !== 'strict' && fence.state !== 'closed'
    if (epoch !== undefined && lasting) seen.set(partition, epoch.generation)
    // The loss is known and told; what comes after it is the operator's word.
    if (fence.state === 'closed' && fence.why !== 'unknown') witnesses.delete(partition)
    return fence
  }

  function judge(partition: number, text: string, replicationId: string): PartitionFence {
    const epoch = parseEpoch(text)
    if (epoch === undefined) {
      if (text !== '') return { state: 'closed', why: 'foreign' }
      return { state: 'closed', why: wereOpen.has(partition) ? 'gone' : 'missing' }
    }
    if (epoch.phase === 'lost') return { state: 'closed', why: 'lost' }
    if (epoch.generation < (seen.get(partition) ?? 0)) return { state: 'closed', why: 'older' }
    // Somebody else moves it; the next look finds where to.
    if (epoch.replicationId !== replicationId) return CLOSED
    if (epoch.phase !== 'open') {
      return { state: 'reasserting', epoch: text, openAtMs: epoch.openAtMs }
    }
    const known = fences.get(partition)
    // What turns up later is an overdraft: it does not close what has been open.
    const wasOpen = known?.state === 'open' && known.epoch === text
    if (wasOpen || isRestated(partition, epochId(epoch))) return { state: 'open', epoch: text }
    return { state: 'reasserting', epoch: text, openAtMs: 0 }
  }

  /**
   * Data from before what was seen. With a journal a failover may lose the move that an earlier one
   * made: what is missing can be put back. On the very server that the canary was written on it is a
   * master that missed a failover, or a backup.
   */
  function isOlder(partition: number, epoch: Epoch, replicationId: string): boolean {
    if (epoch.generation >= (seen.get(partition) ?? 0)) return false
    return durability !== 'async' || epoch.replicationId === replicationId
  }

  /** Where a canary must go from what it says; `undefined`: it stays. */
  function next(partition: number, epoch: Epoch, to: NextEpoch) {
    const { replicationId, lost, nowMs } = to
    const { phase } = epoch
    const generation = Math.max(epoch.generation, seen.get(partition) ?? 0)
    const moved = { generation: generation + 1, replicationId, openAtMs: 0 }
    if (lost) return { ...moved, phase: 'lost' as const }
    if (epoch.replicationId === replicationId) {
      const over = phase === 'reasserting' && nowMs >= epoch.openAtMs
      if (!over || !isRestated(partition, epochId(epoch))) return undefined
      // The same generation: what has been put back under it stands.
      return { ...epoch, phase: 'open' as const, openAtMs: 0 }
    }
    if (durability !== 'async') return { ...moved, phase: 'open' as const }
    return { ...moved, phase: 'reasserting' as const, openAtMs: nowMs + REASSERT_MS }
  }

  /** Partitions of whose last acknowledged reservations one is not there, and those that move. */
  async function losses(
    server: FencedServer,
    suspects: readonly number[],
    nowMs: number,
  ): Promise<ReadonlyMap<number, 'lost' | 'moving'>> {
    const losses = new Map<number, 'lost' | 'moving'>()
    if (durability === 'async') return losses
    const asked = suspects.flatMap((partition) => {
      const fresh = witnesses.get(partition)?.filter(({ atMs }) => atMs > nowMs - WITNESS_MS) ?? []
      const keys = fresh.map(({ rid }) => recordKey(partition, rid))
      return keys.length > 0 ? [{ partition, keys }] : []
    })
    if (asked.length === 0) return losses
    const found = await server.send(asked.map(({ keys }) => ({ name: 'EXISTS', args: keys })))
    for (const [index, { partition, keys }] of asked.entries()) {
      if (isElsewhere(found[index])) losses.set(partition, 'moving')
      else if (Number(reply(found[index])) < keys.length) losses.set(partition, 'lost')
    }
    return losses
  }

  return {
    of: (partition) => fences.get(partition) ?? CLOSED,
    witness(partition, rid, atMs) {
      const others = (witnesses.get(partition) ?? []).filter((known) => known.rid !== rid)
      witnesses.set(partition, [...others.slice(1 - WITNESSES), { rid, atMs }])
      const fence = fences.get(partition)
      const epoch = fence?.state === 'open' ? parseEpoch(fence.epoch) : undefined
      if (epoch !== undefined) seen.set(partition, epoch.generation)
    },
    close(partitions) {
      for (const partition of partitions) fences.set(partition, CLOSED)
    },
    async recover(server, partitions, nowMs) {
      const { replicationId } = server
      const texts = await canariesOf(server, partitions)
      const suspects = [...texts].flatMap(([partition, text]) => {
        const fence = fences.get(partition)
        if (fence === undefined || fence.state === 'closed') return [partition]
        // A promoted replica still has its old master's canary, just as we know it.
        const known = fence.epoch === text && parseEpoch(text)?.replicationId === replicationId
        return known ? [] : [partition]
      })
      const found = await losses(server, suspects, nowMs)
      const moves = [...texts].flatMap(([partition, text]) => {
        const epoch = parseEpoch(text)
        if (epoch === undefined || epoch.phase === 'lost') return []
        if (isOlder(partition, epoch, replicationId)) return []
        if (found.get(partition) === 'moving') return []
        const lost = found.has(partition)
        const to = next(partition, epoch, { replicationId, lost, nowMs })
        return to === undefined ? [] : [{ partition, text, to: epochText(to) }]
      })
      const commands = moves.map(({ partition, text, to }) =>
        server.moveCommand(epochKey(partition), text, to),
      )
      const moved = commands.length === 0 ? [] : await server.send(commands)
      for (const [index, { partition }] of moves.entries()) {
        if (isElsewhere(moved[index])) texts.delete(partition)
        else texts.set(partition, (reply(moved[index]) as [string])[0])
      }
      for (const partition of partitions) {
        if (!server.has(partition)) continue
        const text = found.get(partition) === 'moving' ? undefined : texts.get(partition)
        if (text === undefined) fences.set(partition, MOVING)
        else adopt(partition, text, replicationId)
      }
    },
  }
}

/** The canaries by partition, without those for which the server sends us elsewhere. */
async function canariesOf(
  server: FencedServer,
  partitions: readonly number[],
): Promise<Map<number, string>> {
  const gets = partitions.map((partition) => ({ name: 'GET', args: [epochKey(partition)] }))
  const results = await server.send(gets)
  const texts = new Map<number, string>()
  for (const [index, partition] of partitions.entries()) {
    const result = results[index]
    if (isElsewhere(result)) continue
    texts.set(partition, isForeign(result) ? FOREIGN : String(reply(result) ?? ''))
  }
  return texts
}

function isElsewhere(result: RedisResult | undefined): boolean {
  return result !== undefined && isMoved(result)
}

/** Stands for a canary that is a key of another program: no epoch's text, and no answer of a script. */
const FOREIGN = 'foreign'

function isForeign(result: RedisResult | undefined): boolean {
  return result?.kind === 'error' && result.message.startsWith('WRONGTYPE')
}

function reply(result: RedisResult | undefined): unknown {
  if (result?.kind === 'reply') return result.reply
  throw new Error(`Cannot look at the canaries: ${result?.message ?? 'no answer'}`)
}
