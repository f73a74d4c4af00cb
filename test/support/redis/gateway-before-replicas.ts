import {
  type PreparedGateway,
  prepareGateway,
  type Reopened,
  reopenGateway,
} from '../gateway-process.ts'
import { openTemporaryDirectory } from '../stores/temporary-directory.ts'
import type { TestGatewayOptions } from '../test-gateway.ts'
import { type FaultProxy, openFaultProxy } from './fault-proxy.ts'
import { initialiseLedger } from './initialise.ts'
import type { RedisServer } from './redis-server.ts'
import { openReplication, type Replication, type ReplicationOptions } from './replication.ts'

/** How a test wants its master, replicas and gateway. */
export interface GatewayBeforeReplicasOptions extends ReplicationOptions {
  /** Default: strict, with as many replicas as there are. */
  readonly ledger?: Readonly<Record<string, unknown>>
  readonly gateway?: TestGatewayOptions
}

/**
 * A gateway whose ledger is at one address, the proxy `front`, as behind a name that an operator moves:
 * a replica is promoted by hand, and the address with it.
 */
export interface GatewayBeforeReplicas extends AsyncDisposable {
  readonly replication: Replication
  readonly front: FaultProxy
  readonly prepared: PreparedGateway
  readonly gateway: Reopened
  /** Another gateway on the same ledger, with no memory of what the first one saw. */
  openAnother(): Promise<Reopened>
  /** Makes a master of a replica and moves the address to it. */
  promote(replica: RedisServer): Promise<void>
}

/** Opens all of it, with an initialised ledger. Some 2 s. */
export async function openGatewayBeforeReplicas(
  options: GatewayBeforeReplicasOptions = {},
): Promise<GatewayBeforeReplicas> {
  await using opened = new AsyncDisposableStack()
  const directory = await openTemporaryDirectory()
  opened.defer(directory.close)
  const replication = opened.use(await openReplication(options))
  const front = opened.use(await openFaultProxy({ targetPort: replication.master.port }))
  const strict = { durability: 'strict', replicas: replication.replicas.length }
  const prepared = await prepareGateway(directory.path, options.gateway, {
    state: `redis://127.0.0.1:${front.port}`,
    ledger: { ...strict, ...options.ledger },
  })
  await initialiseLedger(prepared)
  // A first grant would wait for a replica that is still reading what has just been made.
  await replication.waitUntilSynced()
  const gateway = opened.use(await reopenGateway(prepared))
  const closing = opened.move()
  return {
    replication,
    front,
    prepared,
    gateway,
    openAnother: async () => closing.use(await reopenGateway(prepared)),
    async promote(replica) {
      await replica.command('REPLICAOF', 'NO', 'ONE')
      front.targetPort = replica.port
      await front.setMode('reset')
      await front.setMode('pass')
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

/** Starts a killed server again, empty or with its file, as a replica of another, or of a proxy to it. */
export async function rejoin(server: RedisServer, master: { readonly port: number }) {
  await server.restart({ arguments: ['--replicaof', `127.0.0.1 ${master.port}`] })
}
