import type { Clock } from '../../clock.ts'
import type { ListRequest, RecentRequest, Reservation } from '../port.ts'
import { PAGE_KEYS, pagesOf, readUnderCanary, type StoredValue } from './canary-read.ts'
import type { Diagnosis } from './diagnose.ts'
import type { Fence } from './fence.ts'
import { addRecords, type Found } from './find-records.ts'
import { indexKey, recordKey } from './keys.ts'
import { createListWalk } from './list-walk.ts'
import { noAnswer, type RedisNode } from './redis-node.ts'
import { fenceError } from './run-fenced.ts'
import type { Topology } from './topology.ts'

/**
 * Reads that decide nothing. They throw `LedgerUnavailable` when there is no answer, or when the data
 * may be gone.
 */
export interface Reads {
  find(partition: number, rid: string): Promise<Reservation | undefined>
  /** Those that the index names. One that cannot be read is reported, and does not hide the others. */
  claimed(partition: number, rids: readonly string[]): Promise<readonly Reservation[]>
  /**
   * What cannot be read is reported and left out: nobody knows whose it is. Throws `Overloaded` when
   * it takes too long, or for ended ones while another such list is under way.
   */
  list(request: ListRequest): Promise<readonly Reservation[]>
  /** Likewise. */
  recent(request: RecentRequest): Promise<readonly Reservation[]>
}

/** Reads on the master of a partition: a replica may not have it yet. */
export function openReads({
  topology,
  fence,
  diagnosis,
  clock,
}: {
  readonly topology: Topology
  readonly fence: Fence
  readonly diagnosis: Diagnosis
  readonly clock: Clock
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
    { aside = false, looked = false } = {},
  ): Promise<{ node: RedisNode; values: readonly StoredValue[] }> {
    const node = nodeOf(partition)
    const link = aside ? node.aside : node
    const ask = (commands: Parameters<RedisNode['send']>[0]) => link.send(commands)
    const values = await readUnderCanary({ fence, partition, ask }, keys)
    if (values !== undefined) return { node, values }
    if (looked) throw fenceError(fence, partition)
    fence.close([partition])
    await node.prepare()
    return valuesOf(partition, keys, { aside, looked: true })
  }

  async function findAll(partition: number, rids: readonly string[]): Promise<Found> {
    const found: Found = { reservations: [], bad: [], absent: [] }
    for (const page of pagesOf(rids, PAGE_KEYS)) {
      const keys = page.map((rid) => recordKey(partition, rid))
      const { node, values } = await valuesOf(partition, keys)
      await addRecords(found, { node, partition, rids: page, values })
    }
    return found
  }

  const walk = createListWalk({
    clock,
    ask(partition) {
      const { aside } = nodeOf(partition)
      return async (commands) => {
        const results = await aside.send(commands)
        const [first] = results
        if (first?.kind !== 'error' || !first.message.startsWith('WRONGTYPE')) return results
        // Of what a walk asks for, the index alone can be of a wrong type.
        const explained = await diagnosis.explain(aside, [indexKey(partition)], first.message)
        throw diagnosis.report(explained)
      }
    },
    async find(partition, rids, wanted) {
      const found: Found = { reservations: [], bad: [], absent: [] }
      const keys = rids.map((rid) => recordKey(partition, rid))
      const { node, values } = await valuesOf(partition, keys, { aside: true })
      await addRecords(found, { node: node.aside, partition, rids, values }, wanted)
      return found
    },
  })

  async function walked(partition: number, walking: Promise<Found>) {
    const { reservations, bad } = await walking
    for (const one of bad) diagnosis.report(one)
    // The walk may have begun over a full server, and ended over an empty one.
    await valuesOf(partition, [], { aside: true })
    return reservations
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
    list: (request) => walked(request.partition, walk.list(request)),
    recent: (request) => walked(request.partition, walk.recent(request)),
  }
}
