import type { RedisTrouble } from './redis-link.ts'
import type { NodeOptions, RedisNode } from './redis-node.ts'
import { openRedisNode } from './redis-node.ts'
import type { RedisLedgerSettings } from './settings.ts'
import { PARTITIONS } from './tags.ts'

/** Which master has which partition. */
export interface Topology {
  /** `undefined` while nobody is known to have it. */
  nodeOf(partition: number): RedisNode | undefined
  nodes(): readonly RedisNode[]
  /** Whether every partition is known to have a master. */
  complete(): boolean
  /** Why nobody could be asked where the masters are. */
  trouble(): RedisTrouble | undefined
  close(): Promise<void>
}

/** What a topology makes its nodes with. */
export type NodeDefaults = Omit<NodeOptions, 'target' | 'partitions'>

const ALL: readonly number[] = Array.from({ length: PARTITIONS }, (_, partition) => partition)

/** One master for everything: a single server, or the one that sentinels name. */
export function openSingleMaster(
  { topology, nodes, masterName = '' }: RedisLedgerSettings,
  defaults: NodeDefaults,
): Topology {
  const [first] = nodes
  const node = openRedisNode({
    ...defaults,
    target:
      topology === 'sentinel'
        ? { kind: 'sentinel', nodes, name: masterName }
        : { kind: 'server', ...first },
    partitions: () => ALL,
  })
  return {
    nodeOf: () => node,
    nodes: () => [node],
    complete: () => true,
    trouble: () => undefined,
    close: () => node.close(),
  }
}
