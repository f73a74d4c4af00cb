import { freePort } from '../free-port.ts'
import { until } from '../until.ts'
import { openRedisServer, type RedisServer, type RedisServerOptions } from './redis-server.ts'
import { untilSynced } from './replication.ts'

/** How a test wants its cluster. */
export interface ClusterOptions {
  /** 3 or more. Default 3. */
  masters?: number
  /** Default 1. */
  replicasPerMaster?: number
  /** Default 1,000: a dead master is replaced after some 2 s. */
  nodeTimeoutMs?: number
  /** What the nodes have in common. */
  server?: Omit<RedisServerOptions, 'replicaOf' | 'tls' | 'users' | 'password'>
}

/** A cluster with all 16,384 slots, evenly spread over the masters in their order. */
export interface RedisCluster extends AsyncDisposable {
  /** All nodes: first the masters of the start, then their replicas in the same order. */
  nodes: readonly RedisServer[]
  /** The slot of a key, as the server computes it. */
  slotOf(key: string): Promise<number>
  /** The master that the first running node names for a slot. */
  masterOf(slot: number): Promise<RedisServer>
  /** The replicas that the first running node names for a master. */
  replicasOf(master: RedisServer): Promise<readonly RedisServer[]>
  /** The node's id within the cluster. */
  idOf(node: RedisServer): Promise<string>
  /**
   * Makes a replica the master of its shard: by agreement with its master (no mode), without it
   * (`FORCE`), or without anybody (`TAKEOVER`). Waits until all running nodes know.
   */
  failover(replica: RedisServer, mode?: 'FORCE' | 'TAKEOVER'): Promise<void>
  /**
   * Waits, up to 20 s, until all running nodes say `cluster_state:ok`, name the same running masters
   * and know each other as masters or replicas: after a kill, that is the end of the failover.
   */
  untilAgreed(): Promise<void>
  close(): Promise<void>
}

const SLOTS = 16_384
const AGREEMENT_TIMEOUT_MS = 20_000

/**
 * Starts the nodes, makes them a cluster by its own commands (so that it is known which replica
 * serves which master), and waits until all agree. Replicas stay with their shard. Some 1.5 s.
 */
export async function openRedisCluster(options: ClusterOptions = {}): Promise<RedisCluster> {
  const { masters: masterCount = 3, replicasPerMaster = 1 } = options
  await using opened = new AsyncDisposableStack()
  const nodes: RedisServer[] = []
  for (let index = 0; index < masterCount * (1 + replicasPerMaster); index += 1) {
    nodes.push(opened.use(await openClusterNode(options)))
  }
  const masters = nodes.slice(0, masterCount)
  const shardOf = (index: number) => nodes.filter((_, other) => other % masterCount === index)
  await spreadSlots(masters)
  await introduce(nodes)
  for (const [index, master] of masters.entries()) {
    const id = await idOf(master)
    const [, ...replicas] = shardOf(index)
    for (const replica of replicas) await replica.command('CLUSTER', 'REPLICATE', id)
  }
  for (const [index, master] of masters.entries()) {
    await untilSynced(master, shardOf(index).slice(1))
    // A replica at offset 0 is shown to nobody, and that would last until the ping after 10 s.
    await master.command('FLUSHALL')
  }
  await untilAgreed(nodes)
  const closing = opened.move()
  const close = () => closing.disposeAsync()
  const first = () => runningOf(nodes)[0] ?? fail('no node is running')
  const nodeOn = (port: number) =>
    nodes.find((node) => node.port === port) ?? fail(`no node is on port ${port}`)
  return {
    nodes,
    slotOf: async (key) => Number(await first().command('CLUSTER', 'KEYSLOT', key)),
    async masterOf(slot) {
      const range = (await shardsBy(first())).find(({ from, to }) => from <= slot && slot <= to)
      return nodeOn(range?.ports[0] ?? fail(`slot ${slot} has no master`))
    },
    async replicasOf(master) {
      const range = (await shardsBy(first())).find(({ ports }) => ports[0] === master.port)
      return (range?.ports ?? []).slice(1).map(nodeOn)
    },
    idOf,
    async failover(replica, mode) {
      await replica.command('CLUSTER', 'FAILOVER', ...(mode === undefined ? [] : [mode]))
      const isMaster = async () => (await replica.info('replication')).role === 'master'
      await until('the replica is a master', isMaster)
      await untilAgreed(nodes, replica)
    },
    untilAgreed: () => untilAgreed(nodes),
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function openClusterNode({ nodeTimeoutMs = 1_000, server = {} }: ClusterOptions) {
  const settings = [
    'cluster-enabled yes',
    'cluster-config-file nodes.conf',
    `cluster-node-timeout ${nodeTimeoutMs}`,
    // The default is the port + 10,000, where outgoing connections may sit.
    `cluster-port ${await freePort()}`,
    'cluster-allow-replica-migration no',
  ]
  return openRedisServer({ ...server, settings: [...settings, ...(server.settings ?? [])] })
}

async function spreadSlots(masters: readonly RedisServer[]): Promise<void> {
  const start = (index: number) => Math.round((SLOTS * index) / masters.length)
  for (const [index, master] of masters.entries()) {
    await master.command('CLUSTER', 'ADDSLOTSRANGE', start(index), start(index + 1) - 1)
    // Different epochs from the start: nodes that begin with the same one must settle it first.
    await master.command('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
  }
}

/** Each pair of nodes: gossip alone would need some seconds. */
async function introduce(nodes: readonly RedisServer[]): Promise<void> {
  for (const [index, node] of nodes.entries()) {
    const [, busPort] = textsOf(await node.command('CONFIG', 'GET', 'cluster-port'))
    for (const other of nodes.slice(0, index)) {
      await other.command('CLUSTER', 'MEET', '127.0.0.1', node.port, Number(busPort))
    }
  }
  await until('all nodes know each other', async () => {
    const views = await Promise.all(nodes.map((node) => node.command('CLUSTER', 'NODES')))
    return views.every((view) => isComplete(String(view), nodes.length))
  })
}

/** Whether CLUSTER NODES shows so many nodes, all of them connected and past the handshake. */
function isComplete(view: string, count: number): boolean {
  const lines = view.trim().split('\n')
  return lines.length === count && lines.every((line) => !/handshake|fail|disconn/.test(line))
}

async function untilAgreed(nodes: readonly RedisServer[], newMaster?: RedisServer): Promise<void> {
  const agreed = async () => {
    const running = runningOf(nodes)
    const states = await Promise.all(running.map((node) => node.command('CLUSTER', 'INFO')))
    if (!states.every((state) => String(state).startsWith('cluster_state:ok'))) return false
    const views = await Promise.all(running.map(shardsBy))
    const [owners = '', ...others] = views.map((shards) =>
      JSON.stringify(shards.map(({ from, to, ports }) => [from, to, ports[0]])),
    )
    if (others.some((other) => other !== owners)) return false
    const masters = (views[0] ?? []).map(({ ports }) => ports[0])
    const isRunning = (port: number | undefined) => running.some((node) => node.port === port)
    const isSeen = ({ port }: RedisServer) =>
      views.every((shards) => shards.some(({ ports }) => ports.includes(port)))
    if (!masters.every(isRunning) || !running.every(isSeen)) return false
    return newMaster === undefined || masters.includes(newMaster.port)
  }
  await until('all nodes of the cluster agree', agreed, AGREEMENT_TIMEOUT_MS)
}

interface SlotRange {
  from: number
  to: number
  /** The master's, then those of its replicas. */
  ports: number[]
}

async function shardsBy(node: RedisServer): Promise<SlotRange[]> {
  const reply = await node.command('CLUSTER', 'SLOTS')
  const ranges = (Array.isArray(reply) ? reply : []).map((range) => {
    const [from, to, ...members] = Array.isArray(range) ? range : []
    const ports = members.map((member) => (Array.isArray(member) ? Number(member[1]) : 0))
    return { from: Number(from), to: Number(to), ports }
  })
  return ranges.sort((a, b) => a.from - b.from)
}

async function idOf(node: RedisServer): Promise<string> {
  return String(await node.command('CLUSTER', 'MYID'))
}

function runningOf(nodes: readonly RedisServer[]): RedisServer[] {
  return nodes.filter(({ isRunning }) => isRunning)
}

function textsOf(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.map(String) : []
}

function fail(why: string): never {
  throw new Error(`Cannot ask the cluster: ${why}`)
}
