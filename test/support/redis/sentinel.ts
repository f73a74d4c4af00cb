import { until } from '../until.ts'
import { type FaultProxy, openFaultProxy } from './fault-proxy.ts'
import { openRedisNode, type RedisNode } from './redis-node.ts'
import { openRedisServer, type RedisServer, type RedisServerOptions } from './redis-server.ts'
import { untilSynced } from './replication.ts'

/** How a test wants its Sentinel set-up. */
export interface SentinelOptions {
  /** Default 2. */
  replicas?: number
  /** What master and replicas have in common. */
  server?: Omit<RedisServerOptions, 'replicaOf' | 'tls' | 'users'>
  /**
   * Sentinels, and what they tell clients and replicas, reach each data node through a proxy of its
   * own, in `proxies`; its `port` still leads past the proxy. For partitions: the proxy of the
   * master in mode `blackhole` leaves it with those who know its own port. Default false.
   */
  proxied?: boolean
}

/** Three sentinels, quorum 2, over a master with replicas. */
export interface SentinelGroup extends AsyncDisposable {
  /** The name of the master for clients: `signet`. */
  name: string
  sentinels: readonly RedisNode[]
  /** All data nodes; the first was the master at the start. */
  nodes: readonly RedisServer[]
  /** In the order of `nodes`; empty unless `proxied`. */
  proxies: readonly FaultProxy[]
  /** The node that the first running sentinel names. */
  currentMaster(): Promise<RedisServer>
  /** Waits, up to 20 s, until all running sentinels name a node other than `old` that is a master. */
  newMaster(old: RedisServer): Promise<RedisServer>
  /**
   * Waits, up to 30 s, until all running sentinels name one master and every other running node is
   * in step with it; after a restart of what was killed, say. Sentinels are made to hurry meanwhile.
   */
  untilHealthy(): Promise<void>
  close(): Promise<void>
}

const NAME = 'signet'
const SENTINELS = 3
const FAILOVER_TIMEOUT_MS = 20_000
const HEALING_TIMEOUT_MS = 30_000

/**
 * Starts it all and waits until the sentinels know each other and the replicas: some 0.5 s. A dead
 * master is noticed after 1 s; after a failed attempt the next follows 10 s later.
 */
export async function openSentinelGroup(options: SentinelOptions = {}): Promise<SentinelGroup> {
  const { replicas = 2, server = {}, proxied = false } = options
  await using opened = new AsyncDisposableStack()
  const nodes: RedisServer[] = []
  const proxies: FaultProxy[] = []
  const knownPort = (index: number) => proxies[index]?.port ?? nodes[index]?.port ?? 0
  for (let index = 0; index <= replicas; index += 1) {
    const settings = [...(server.settings ?? [])]
    const proxy = proxied ? opened.use(await openFaultProxy({ targetPort: 0 })) : undefined
    if (proxy !== undefined) {
      settings.push('replica-announce-ip 127.0.0.1', `replica-announce-port ${proxy.port}`)
    }
    const replicaOf = index === 0 ? {} : { replicaOf: { port: knownPort(0) } }
    const node = opened.use(await openRedisServer({ ...server, settings, ...replicaOf }))
    nodes.push(node)
    if (proxy === undefined) continue
    proxy.targetPort = node.port
    proxies.push(proxy)
  }
  const [master = never()] = nodes
  await untilSynced(master, nodes.slice(1))
  const sentinels: RedisNode[] = []
  for (let index = 0; index < SENTINELS; index += 1) {
    sentinels.push(opened.use(await openSentinel(knownPort(0), server.password)))
  }

  const masterBy = async (sentinel: RedisNode) => {
    const address = await sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)
    const port = Array.isArray(address) ? Number(address[1]) : 0
    const node = nodes.find((_, index) => knownPort(index) === port)
    if (node === undefined) throw new Error(`Cannot find the master: no node is on port ${port}`)
    return node
  }
  const running = () => sentinels.filter(({ isRunning }) => isRunning)
  const currentMaster = () => masterBy(running()[0] ?? never())
  const agree = () => isHealthy(running(), nodes, masterBy)
  const untilHealthy = () =>
    hastened(running(), () => until('the sentinels agree', agree, HEALING_TIMEOUT_MS))
  await untilHealthy()
  const closing = opened.move()
  const close = () => closing.disposeAsync()
  return {
    name: NAME,
    sentinels,
    nodes,
    proxies,
    currentMaster,
    newMaster: (old) =>
      until(
        'there is a new master',
        async () => {
          const [named = never(), ...others] = await Promise.all(running().map(masterBy))
          if (named === old || others.some((other) => other !== named)) return undefined
          return (await named.info('replication')).role === 'master' ? named : undefined
        },
        FAILOVER_TIMEOUT_MS,
      ),
    untilHealthy,
    close,
    [Symbol.asyncDispose]: close,
  }
}

function openSentinel(masterPort: number, password: string | undefined): Promise<RedisNode> {
  return openRedisNode({
    sentinel: true,
    configure: (port, directory) => [
      'bind 127.0.0.1',
      `port ${port}`,
      `dir ${directory}`,
      `sentinel monitor ${NAME} 127.0.0.1 ${masterPort} 2`,
      `sentinel down-after-milliseconds ${NAME} 1000`,
      `sentinel failover-timeout ${NAME} 5000`,
      `sentinel parallel-syncs ${NAME} 1`,
      ...(password === undefined ? [] : [`sentinel auth-pass ${NAME} "${password}"`]),
    ],
  })
}

/**
 * Runs `wait` while the sentinels talk to each other and look at the nodes more often than they do
 * otherwise (2 and 10 s): they would take some 20 s to make a replica of an old master.
 */
async function hastened(sentinels: readonly RedisNode[], wait: () => Promise<unknown>) {
  const talkEvery = async (publishMs: number, infoMs: number) => {
    const periods = ['PUBLISH-PERIOD', publishMs, 'INFO-PERIOD', infoMs]
    await Promise.all(sentinels.map((one) => one.command('SENTINEL', 'DEBUG', ...periods)))
  }
  await talkEvery(100, 500)
  await wait()
  await talkEvery(2_000, 10_000)
}

async function isHealthy(
  sentinels: readonly RedisNode[],
  nodes: readonly RedisServer[],
  masterBy: (sentinel: RedisNode) => Promise<RedisServer>,
): Promise<boolean> {
  const masters = await Promise.all(sentinels.map(masterBy))
  const [master = never()] = masters
  if (masters.some((other) => other !== master)) return false
  const replicas = nodes.filter((node) => node.isRunning && node !== master)
  for (const sentinel of sentinels) {
    const quorum = String(await sentinel.command('SENTINEL', 'CKQUORUM', NAME))
    if (!quorum.startsWith(`OK ${sentinels.length} usable`)) return false
    const known = await sentinel.command('SENTINEL', 'REPLICAS', NAME)
    const usable = (Array.isArray(known) ? known : []).filter((fields) => isUsable(fields))
    if (usable.length < replicas.length) return false
  }
  await untilSynced(master, replicas)
  return true
}

/** Whether SENTINEL REPLICAS shows a replica that a failover could choose: names and values in turn. */
function isUsable(fields: unknown): boolean {
  if (!Array.isArray(fields)) return false
  const field = (name: string) => fields[fields.indexOf(name) + 1]
  return field('flags') === 'slave' && field('master-link-status') === 'ok'
}

function never(): never {
  throw new Error('Cannot go on: no node is running')
}
