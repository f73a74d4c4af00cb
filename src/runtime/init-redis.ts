import type { Config } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import {
  type InitOptions,
  type InitResult,
  type InitTarget,
  initLedger,
} from '../ledger/redis/init-ledger.ts'
import type {
  ConnectLink,
  LinkTarget,
  RedisAddress,
  RedisLink,
} from '../ledger/redis/redis-link.ts'
import { addressText, readSlotMap } from '../ledger/redis/slot-map.ts'
import { PARTITIONS } from '../ledger/redis/tags.ts'
import { ioredisConnector } from './ioredis-link.ts'
import { redisAccess, redisSettings } from './open-ledger.ts'

const ALL: readonly number[] = Array.from({ length: PARTITIONS }, (_, partition) => partition)
/** How long a server may take to let us in, in milliseconds. */
const CONNECT_MS = 5_000

/**
 * Initialises the configured ledger on Redis. Throws `LedgerUnavailable` when a server cannot be
 * reached, has a ledger already, or another driver is configured.
 */
export async function initRedis(
  { state, ledger }: Pick<Config, 'state' | 'ledger'>,
  options: InitOptions,
): Promise<InitResult> {
  if (state.kind !== 'redis') {
    throw new GatewayError(
      'LedgerUnavailable',
      `Cannot initialise: "state" names ${state.kind}, which needs no initialisation`,
    )
  }
  await using closing = new AsyncDisposableStack()
  const { topology, nodes, masterName = '' } = redisSettings(state, ledger)
  const connect = ioredisConnector(redisAccess(state, ledger))
  const reach = async (target: LinkTarget) => {
    const link = await openLink(connect, target)
    closing.defer(() => link.close())
    return link
  }
  const targets: InitTarget[] = []
  if (topology === 'cluster') targets.push(...(await mastersOf(nodes, reach)))
  else {
    const [first] = nodes
    const sentinel = { kind: 'sentinel', nodes, name: masterName } as const
    const link = await reach(topology === 'sentinel' ? sentinel : { kind: 'server', ...first })
    targets.push({ partitions: ALL, send: (commands) => link.send(commands) })
  }
  return await initLedger(targets, options)
}

async function mastersOf(
  nodes: readonly RedisAddress[],
  reach: (target: LinkTarget) => Promise<RedisLink>,
): Promise<InitTarget[]> {
  const links = await Promise.all(
    nodes.map((address) => reach({ kind: 'server', ...address }).catch((error: unknown) => error)),
  )
  const reached = links.flatMap((link, index) =>
    link instanceof Error ? [] : [{ link: link as RedisLink, host: nodes[index]?.host ?? '' }],
  )
  const map = await readSlotMap(reached)
  if (map === undefined) throw links[0]
  const byAddress = new Map<string, { address: RedisAddress; partitions: number[] }>()
  for (const [partition, address] of map.masters.entries()) {
    if (address === undefined) continue
    const known = byAddress.get(addressText(address)) ?? { address, partitions: [] }
    known.partitions.push(partition)
    byAddress.set(addressText(address), known)
  }
  return Promise.all(
    [...byAddress.values()].map(async ({ address, partitions }) => {
      const link = await reach({ kind: 'server', ...address })
      return { partitions, send: (commands) => link.send(commands) }
    }),
  )
}

async function openLink(connect: ConnectLink, target: LinkTarget): Promise<RedisLink> {
  let ready = () => {}
  const settled = new Promise<void>((resolve) => {
    ready = resolve
  })
  const link = connect(target, { onReady: ready, onLost: () => {} })
  const timer = setTimeout(ready, CONNECT_MS)
  await settled
  clearTimeout(timer)
  if (link.ready) return link
  await link.close()
  const why = link.trouble?.message ?? 'it does not answer'
  throw new GatewayError('LedgerUnavailable', `Cannot reach the ledger's server: ${why}`)
}
