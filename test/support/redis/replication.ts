import { until } from '../until.ts'
import { type FaultProxy, openFaultProxy } from './fault-proxy.ts'
import { openRedisServer, type RedisServer, type RedisServerOptions } from './redis-server.ts'

/** How a test wants its master and replicas. */
export interface ReplicationOptions {
  /** Default 1. */
  replicas?: number
  /** What master and replicas have in common. */
  server?: Omit<RedisServerOptions, 'replicaOf' | 'tls'>
  /** Each replica reaches its master through a proxy of its own, in `links`. Default false. */
  proxied?: boolean
}

/** A master with replicas, in step when it is handed over. */
export interface Replication extends AsyncDisposable {
  master: RedisServer
  replicas: readonly RedisServer[]
  /** The proxy between replica and master, in the order of `replicas`; empty unless `proxied`. */
  links: readonly FaultProxy[]
  /** Waits until every replica is online and has all that the master had when this was called. */
  waitUntilSynced(): Promise<void>
  close(): Promise<void>
}

/** Starts a master and its replicas, and waits until they are in step. Some 200 ms. */
export async function openReplication(options: ReplicationOptions = {}): Promise<Replication> {
  const { replicas: wanted = 1, server = {}, proxied = false } = options
  await using opened = new AsyncDisposableStack()
  const master = opened.use(await openRedisServer(server))
  const replicas: RedisServer[] = []
  const links: FaultProxy[] = []
  for (let index = 0; index < wanted; index += 1) {
    let { port } = master
    if (proxied) {
      const link = opened.use(await openFaultProxy({ targetPort: port }))
      links.push(link)
      port = link.port
    }
    replicas.push(opened.use(await openRedisServer({ ...server, replicaOf: { port } })))
  }
  await untilSynced(master, replicas)
  const closing = opened.move()
  const close = () => closing.disposeAsync()
  return {
    master,
    replicas,
    links,
    waitUntilSynced: () => untilSynced(master, replicas),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/**
 * Waits until the replicas are online in the master's eyes and have reached its present offset in
 * their own. (The master learns of offsets once a second, so its word on those would be late.)
 */
export async function untilSynced(
  master: RedisServer,
  replicas: readonly RedisServer[],
): Promise<void> {
  const { master_repl_offset: offset } = await master.info('replication')
  await until('the replicas are in step', async () => {
    const seen = await master.info('replication')
    const online = Object.entries(seen).filter(
      ([name, value]) => /^slave\d+$/.test(name) && value.includes('state=online'),
    )
    if (online.length < replicas.length) return false
    for (const replica of replicas) {
      const own = await replica.info('replication')
      if (own.master_link_status !== 'up') return false
      if (own.master_replid !== seen.master_replid) return false
      if (Number(own.slave_repl_offset) < Number(offset)) return false
    }
    return true
  })
}

/**
 * Stops the replicas and cuts their links, so that nothing that the master executes from now on
 * reaches them: SIGSTOP alone is not enough, for the bytes would wait in their sockets, even when
 * the master is killed. Replicas that are not named connect again at once. SIGCONT lets them go on.
 */
export async function strandReplicas(
  master: RedisServer,
  replicas: readonly RedisServer[],
): Promise<void> {
  for (const replica of replicas) await replica.kill('SIGSTOP')
  await master.command('CLIENT', 'KILL', 'TYPE', 'replica')
}
