import { partitionOf } from '../../../src/ledger/partitions.ts'
import { PARTITIONS, slotOf } from '../../../src/ledger/redis/tags.ts'
import { nodeHashing } from '../../../src/runtime/node-hashing.ts'
import { type Reopened, reopenGateway } from '../gateway-process.ts'
import { openTemporaryDirectory } from '../stores/temporary-directory.ts'
import { asTenant, type PreparedTenants, prepareTenants } from '../tenant-gateway.ts'
import type { TestGatewayOptions } from '../test-gateway.ts'
import type { Caller } from '../upload-load.ts'
import { type ClusterOptions, openRedisCluster, type RedisCluster } from './cluster.ts'
import { initialiseLedger } from './initialise.ts'
import { type LedgerAtRest, ledgerAtRest } from './ledger-at-rest.ts'

const SLOTS = 16_384

/** A cluster with a ledger, and gateways of many tenants before it. */
export interface ClusterGateways extends AsyncDisposable {
  readonly cluster: RedisCluster
  readonly prepared: PreparedTenants
  readonly gateways: readonly Reopened[]
  /** Two of each master. */
  readonly tenants: readonly string[]
  /** Calls as a tenant through one of the gateways. */
  caller(tenant: string, gateway?: number): Caller
  /** The slot that a tenant's counters lie in. */
  slotOf(tenant: string): number
  /** The ledger of all masters, while nobody writes. */
  atRest(): Promise<LedgerAtRest>
}

export interface ClusterGatewaysOptions {
  readonly cluster?: ClusterOptions
  readonly gateway?: TestGatewayOptions
  /** Members of `ledger`. Default: strict with one replica, and time for a busy machine. */
  readonly ledger?: Readonly<Record<string, unknown>>
  /** Default 2. */
  readonly gateways?: number
}

/** Opens all of it, with an initialised ledger; the gateways are in this process. Some 3 s. */
export async function openClusterGateways(
  options: ClusterGatewaysOptions = {},
): Promise<ClusterGateways> {
  await using opened = new AsyncDisposableStack()
  const directory = await openTemporaryDirectory()
  opened.defer(directory.close)
  const cluster = opened.use(await openRedisCluster(options.cluster))
  const tenants = tenantsOnAll(options.cluster?.masters ?? 3)
  const seeds = cluster.nodes.slice(0, 3).map(({ port }) => `127.0.0.1:${port}`)
  const prepared = await prepareTenants(directory.path, tenants, options.gateway, {
    state: `redis+cluster://${seeds.join(',')}`,
    ledger: {
      durability: 'strict',
      replicas: 1,
      commandTimeoutMs: 2_000,
      waitTimeoutMs: 1_000,
      ...options.ledger,
    },
  })
  await initialiseLedger(prepared)
  const gateways: Reopened[] = []
  for (let count = 0; count < (options.gateways ?? 2); count += 1) {
    gateways.push(opened.use(await reopenGateway(prepared)))
  }
  const closing = opened.move()
  return {
    cluster,
    prepared,
    gateways,
    tenants,
    caller(tenant, gateway = 0) {
      const call = gateways[gateway]?.call
      if (call === undefined) throw new Error(`there is no gateway ${gateway}`)
      return asTenant(call, prepared, tenant)
    },
    slotOf: slotOfTenant,
    async atRest() {
      const masters = new Set<number>()
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        masters.add((await cluster.masterOf(slotOf(partition))).port)
      }
      const parts = await Promise.all([...masters].map((port) => ledgerAtRest({ port })))
      return {
        records: new Map(parts.flatMap(({ records }) => [...records])),
        drift: parts.flatMap(({ drift }) => drift),
        ids: (state) => parts.flatMap(({ ids }) => ids(state)),
      }
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

/** Tenants of each master. */
const TENANTS_EACH = 2

function tenantsOnAll(masters: number): string[] {
  const names = Array.from({ length: masters }, () => [] as string[])
  for (let n = 0; names.some(({ length }) => length < TENANTS_EACH); n += 1) {
    const own = names[Math.floor((slotOfTenant(`tenant${n}`) * masters) / SLOTS)]
    if (own !== undefined && own.length < TENANTS_EACH) own.push(`tenant${n}`)
  }
  return names.flat()
}

function slotOfTenant(tenant: string): number {
  return slotOf(partitionOf(nodeHashing, tenant, PARTITIONS))
}
