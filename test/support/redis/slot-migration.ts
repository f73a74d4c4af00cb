import type { RedisCluster } from './cluster.ts'
import type { RedisServer } from './redis-server.ts'

/** One slot's way from a master to another. */
export interface SlotMigration {
  slot: number
  from: RedisServer
  to: RedisServer
  /** Keys moved at a time, 1 or more. Default 10. */
  batchKeys?: number
  /**
   * Called when the slot is open at both ends, with 0, and after every batch, with the number of
   * keys moved so far: here a test looks, writes, waits or kills.
   */
  onBatch?: (movedKeys: number) => Promise<void> | void
}

const MIGRATE_TIMEOUT_MS = 5_000

/**
 * Moves a slot the way that the Cluster manual describes (SETSLOT IMPORTING, SETSLOT MIGRATING,
 * MIGRATE until no key is left, SETSLOT NODE), while clients go on. Answers how many keys moved,
 * once all running nodes know the new owner. Throws where it stands when a step fails.
 */
export async function migrateSlot(
  cluster: RedisCluster,
  { slot, from, to, batchKeys = 10, onBatch }: SlotMigration,
): Promise<number> {
  const [fromId, toId] = await Promise.all([cluster.idOf(from), cluster.idOf(to)])
  await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId)
  await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId)
  let movedKeys = 0
  await onBatch?.(movedKeys)
  for (;;) {
    const keys = await from.command('CLUSTER', 'GETKEYSINSLOT', slot, batchKeys)
    if (!Array.isArray(keys) || keys.length === 0) break
    const destination = [to.host, to.port, '', 0, MIGRATE_TIMEOUT_MS]
    await from.command('MIGRATE', ...destination, 'KEYS', ...keys.map(String))
    movedKeys += keys.length
    await onBatch?.(movedKeys)
  }
  // The new owner first: in between, both would send clients to the other.
  await to.command('CLUSTER', 'SETSLOT', slot, 'NODE', toId)
  await from.command('CLUSTER', 'SETSLOT', slot, 'NODE', toId)
  await cluster.untilAgreed()
  return movedKeys
}
