import { GatewayError } from '../../errors.ts'
import type { LedgerRecord } from '../decision.ts'
import type { ListRequest, Reservation } from '../port.ts'
import { UnreadableValue, unpackRecord } from './codec.ts'
import { indexKey, recordKey } from './keys.ts'
import type { RedisCommand } from './redis-link.ts'
import { noAnswer, type RedisNode } from './redis-node.ts'
import type { Topology } from './topology.ts'

/** Records looked at in one step. */
const PAGE = 256
/** Steps of a walk over ended reservations, which have no index; past it a list is refused. */
const MAX_STEPS = 2_000

/** Reads that decide nothing. They throw `LedgerUnavailable` when there is no answer. */
export interface Reads {
  find(partition: number, rid: string): Promise<Reservation | undefined>
  findAll(partition: number, rids: readonly string[]): Promise<readonly Reservation[]>
  list(request: ListRequest): Promise<readonly Reservation[]>
}

/** Reads on the master of a partition: a replica may not have it yet. */
export function openReads({
  topology,
  unavailable,
}: {
  readonly topology: Topology
  readonly unavailable: () => GatewayError
}): Reads {
  function nodeOf(partition: number): RedisNode {
    const node = topology.nodeOf(partition)
    if (node === undefined) throw unavailable()
    if (!node.ready) throw noAnswer(node.trouble)
    return node
  }

  async function ask(node: RedisNode, command: RedisCommand): Promise<unknown> {
    const [result] = await node.send([command])
    if (result?.kind === 'reply') return result.reply
    throw noAnswer(result?.message ?? 'no answer')
  }

  async function findAll(partition: number, rids: readonly string[]): Promise<Reservation[]> {
    if (rids.length === 0) return []
    const node = nodeOf(partition)
    const found: Reservation[] = []
    for (let at = 0; at < rids.length; at += PAGE) {
      const some = rids.slice(at, at + PAGE)
      const args = some.map((rid) => recordKey(partition, rid))
      const values = (await ask(node, {
        name: 'MGET',
        args,
        binary: true,
      })) as (Uint8Array | null)[]
      for (const [index, rid] of some.entries()) {
        const bytes = values[index]
        if (bytes == null) continue
        found.push({ ...recordOf(bytes, recordKey(partition, rid)), partition, rid })
      }
    }
    return found
  }

  /** Ids of what is pending, by the index; of what has ended, by a walk over all records. */
  async function ridsOf({ partition, states, ridPrefix, after = '' }: ListRequest) {
    const node = nodeOf(partition)
    const rids = new Set<string>()
    const onlyPending = states.every((state) => state === 'P')
    const key = onlyPending ? indexKey(partition) : recordKey(partition, '')
    let cursor = '0'
    for (let step = 0; step < MAX_STEPS; step += 1) {
      const command = onlyPending
        ? { name: 'ZSCAN', args: [key, cursor, 'COUNT', PAGE] }
        : { name: 'SCAN', args: [cursor, 'MATCH', `${glob(key + ridPrefix)}*`, 'COUNT', PAGE * 8] }
      const [next, found] = (await ask(node, command)) as [string, string[]]
      const named = onlyPending ? found.filter((_, index) => index % 2 === 0) : found
      for (const name of named) {
        const rid = onlyPending ? name : name.slice(key.length)
        if (rid.startsWith(ridPrefix) && rid > after) rids.add(rid)
      }
      if (next === '0') return [...rids].sort((a, b) => (a < b ? -1 : 1))
      cursor = next
    }
    throw new GatewayError('Overloaded', 'Cannot list: the ledger holds too many reservations')
  }

  return {
    findAll,
    async find(partition, rid) {
      const [found] = await findAll(partition, [rid])
      return found
    },
    async list(request) {
      const { partition, owner, states, limit } = request
      const rids = await ridsOf(request)
      const listed: Reservation[] = []
      for (let at = 0; at < rids.length && listed.length < limit; at += PAGE) {
        const some = await findAll(partition, rids.slice(at, at + PAGE))
        listed.push(
          ...some.filter(({ state, subjects: [own] }) => own === owner && states.includes(state)),
        )
      }
      return listed.slice(0, limit)
    },
  }
}

/** Throws `LedgerUnavailable` with the key's name for a value that is not ours. */
function recordOf(bytes: Uint8Array, key: string): LedgerRecord {
  try {
    return unpackRecord(bytes)
  } catch (cause) {
    if (!(cause instanceof UnreadableValue)) throw cause
    throw new GatewayError('LedgerUnavailable', 'Cannot read the ledger: a value is not its own', {
      facts: { key, why: cause.message },
      cause,
    })
  }
}

/** Takes the meaning from what a pattern of `SCAN` would expand. */
function glob(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&')
}
