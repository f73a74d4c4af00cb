import type { Reservation } from '../port.ts'
import type { StoredValue } from './canary-read.ts'
import { UnreadableValue, unpackRecord } from './codec.ts'
import { type BadKey, whyUnreadable } from './diagnose.ts'
import { recordKey } from './keys.ts'
import type { RedisNode } from './redis-node.ts'

/** What was found under some rids. */
export interface Found {
  readonly reservations: Reservation[]
  readonly bad: BadKey[]
  /** Keys that are not there. */
  readonly absent: string[]
}

/** Adds the records that were read under `rids`, in their order. */
export async function addRecords(
  found: Found,
  {
    node,
    partition,
    rids,
    values,
  }: {
    readonly node: Pick<RedisNode, 'send'>
    readonly partition: number
    readonly rids: readonly string[]
    readonly values: readonly StoredValue[]
  },
  wanted: (bytes: Uint8Array) => boolean = () => true,
): Promise<void> {
  for (const [place, rid] of rids.entries()) {
    const key = recordKey(partition, rid)
    const bytes = values[place]
    if (bytes != null) {
      if (wanted(bytes)) addRecord(found, bytes, { key, partition, rid })
      continue
    }
    // MGET says null for other types as well.
    const why = await whyUnreadable(node, key)
    if (why !== undefined) found.bad.push({ key, why })
    else found.absent.push(key)
  }
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
