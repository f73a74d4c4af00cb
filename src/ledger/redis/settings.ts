import type { RedisAddress, RedisCommand } from './redis-link.ts'

/**
 * When a URL may leave: `strict` after all replicas that may be promoted have the reservation, `disk`
 * after the server has it on disk, `async` after the gateway's own journal has it.
 */
export type Durability = 'strict' | 'disk' | 'async'

/** How the ledger uses Redis. */
export interface RedisLedgerSettings {
  readonly topology: 'single' | 'sentinel' | 'cluster'
  /** The server, the sentinels, or some nodes of the cluster. */
  readonly nodes: readonly [RedisAddress, ...RedisAddress[]]
  /** What sentinels call the master. */
  readonly masterName?: string
  readonly durability: Durability
  /** Replicas that must have a reservation before its URL leaves; only for `strict`, 1 to 16. */
  readonly replicas: number
  /** Longest time of one command, in milliseconds. Default 250. */
  readonly commandTimeoutMs: number
  /** Longest time of `WAIT`, in milliseconds, below `commandTimeoutMs`. Default 150. */
  readonly waitTimeoutMs: number
  /** How long an ended reservation is remembered, in milliseconds, 2 h and up. Default 24 h. */
  readonly retentionMs: number
  /**
   * What else this program sends to the server of partition 0, so that a start tells what its ACL forbids.
   * They must leave no trace. Default: nothing.
   */
  readonly alsoTested?: readonly RedisCommand[]
}
