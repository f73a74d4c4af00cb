import { GatewayError } from '../../errors.ts'
import type { ListRequest, Reservation } from '../port.ts'
import { UnreadableValue, unpackRecord } from './codec.ts'
import { type BadKey, type Diagnosis, whyUnreadable } from './diagnose.ts'
import type { Fence } from './fence.ts'
import { epochKey, indexKey, recordKey } from './keys.ts'
import type { RedisCommand } from './redis-link.ts'
import { noAnswer, type RedisNode } from './redis-node.ts'
import { fenceError } from './run-fenced.ts'
import type { Topology } from './topology.ts'

/** Records looked at in one step. */
const PAGE = 256
/** Steps of a walk over ended reservations, which have no index; past it a list is refused. */
const MAX_STEPS = 2_000

/**
 * Reads that decide nothing. They throw `LedgerUnavailable` when there is no answer, or when the data
 * may be gone.
 */
export interface Reads {
  find(partition: number, rid: string): Promise<Reservation | undefined>
  /** Those that the index names. One that cannot be read is reported, and does not hide the others. */
  claimed(partition: number, rids: readonly string[]): Promise<readonly Reservation[]>
  /** What cannot be read is reported and left out: nobody knows whose it is. */
  list(request: ListRequest): Promise<readonly Reservation[]>
}

/** Reads on the master of a partition: a replica may not have it yet. */
export function openReads({
  topology,
  fence,
  diagnosis,
}: {
  readonly topology: Topology
  readonly fence: Fence
  readonly diagnosis: Diagnosis
}): Reads {
  function nodeOf(partition: number): RedisNode {
    const node = topology.nodeOf(partition)
    if (node === undefined) throw fenceError(fence, partition)
    if (!node.ready) throw noAnswer(node.trouble)
    // What a server that has lost its data does not have is not "not there".
    if (fence.of(partition).state !== 'open') throw fenceError(fence, partition)
    return node
  }

  /**
   * The values of `keys` under the canary that stands. One that has moved is looked at, once: another
   * gateway may have seen a failover first.
   */
  async function valuesOf(
    partition: number,
    keys: readonly string[],
    looked = false,
  ): Promise<{ node: RedisNode; values: readonly (Uint8Array | null)[] }> {
    const node = nodeOf(partition)
    const command = { name: 'MGET', args: [epochKey(partition), ...keys], binary: true }
    const [canary, ...values] = await ask<(Uint8Array | null)[]>(node, command, keys[0] ?? '')
    const place = fence.of(partition)
    if (canary != null && place.state === 'open' && textOf(canary) === place.epoch) {
      return { node, values }
    }
    if (looked) throw fenceError(fence, partition)
    fence.close([partition])
    await node.prepare()
    return valuesOf(partition, keys, true)
  }

  /** One command about `key`. */
  async function ask<Reply>(node: RedisNode, command: RedisCommand, key: string): Promise<Reply> {
    const [result] = await node.send([command])
    if (result?.kind === 'reply') return result.reply as Reply
    const message = result?.message ?? 'no answer'
    if (!message.startsWith('WRONGTYPE')) throw noAnswer(message)
    throw diagnosis.report(await diagnosis.explain(node, [key], message))
  }

  async function findAll(partition: number, rids: readonly string[]): Promise<Found> {
    const found: Found = { reservations: [], bad: [], absent: [] }
    if (rids.length === 0) return found
    for (let at = 0; at < rids.length; at += PAGE) {
      const some = rids.slice(at, at + PAGE)
      const keys = some.map((rid) => recordKey(partition, rid))
      const { node, values } = await valuesOf(partition, keys)
      for (const [index, rid] of some.entries()) {
        const key = recordKey(partition, rid)
        // MGET says null for other types as well.
        const bytes = values[index]
        const why = bytes == null ? await whyUnreadable(node, key) : undefined
        if (why !== undefined) found.bad.push({ key, why })
        else if (bytes == null) found.absent.push(key)
        else addRecord(found, bytes, { key, partition, rid })
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
      const [next, found] = await ask<[string, string[]]>(node, command, key)
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
    async find(partition, rid) {
      const { reservations, bad } = await findAll(partition, [rid])
      for (const one of bad) throw diagnosis.report(one)
      return reservations[0]
    },
    async claimed(partition, rids) {
      const { reservations, bad, absent } = await findAll(partition, rids)
      for (const one of bad) diagnosis.report(one)
      for (const key of absent) diagnosis.report({ key, why: 'is gone, though the index names it' })
      return reservations
    },
    async list(request) {
      const { partition, owner, states, limit } = request
      const rids = await ridsOf(request)
      const listed: Reservation[] = []
      for (let at = 0; at < rids.length && listed.length < limit; at += PAGE) {
        const { reservations, bad } = await findAll(partition, rids.slice(at, at + PAGE))
        for (const one of bad) diagnosis.report(one)
        listed.push(
          ...reservations.filter(
            ({ state, subjects: [own] }) => own === owner && states.includes(state),
          ),
        )
      }
      // A walk that has found nothing may have been one over an empty server.
      if (listed.length === 0) await valuesOf(partition, [])
      return listed.slice(0, limit)
    },
  }
}

interface Found {
  readonly reservations: Reservation[]
  readonly bad: BadKey[]
  /** Keys that are not there. */
  readonly absent: string[]
}

function addRecord(
  { reservations, bad }: Found,
  bytes: Uint8Array,
  { key, partition, rid }: { key: string; partition: number; rid: string },
): void {
  try {
    reservations.push({ ...unpackRecord(bytes), partition, rid })
  } catch (error) {
    if (!(error instanceof UnreadableValue)) throw error
    bad.push({ key, why: error.message })
  }
}

const utf8 = new TextDecoder()

function textOf(bytes: Uint8Array): string {
  return utf8.decode(bytes)
}

/** Takes the meaning from what a pattern of `SCAN` would expand. */
function glob(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&')
}
