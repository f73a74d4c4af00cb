import type { Config } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { problemsAt } from '../ledger/redis/check-server.ts'
import {
  type InitOptions,
  type InitResult,
  type InitTarget,
  initLedger,
} from '../ledger/redis/init-ledger.ts'
import { type LinkTarget, nameOf } from '../ledger/redis/redis-link.ts'
import type { RedisLedgerSettings } from '../ledger/redis/settings.ts'
import { addressText, type SlotMap } from '../ledger/redis/slot-map.ts'
import { PARTITIONS } from '../ledger/redis/tags.ts'
import { ioredisConnector } from './ioredis-link.ts'
import { type Reach, reachSlotMap, untilReady } from './reach-redis.ts'
import { redisAccess, redisSettings } from './redis-access.ts'

const ALL: readonly number[] = Array.from({ length: PARTITIONS }, (_, partition) => partition)
/**
 * Initialises the configured ledger on Redis. Throws `LedgerUnavailable` when a server cannot be
 * reached, must not hold a ledger as it is set up, has one already, or another driver is configured:
 * nothing is written then.
 */
export async function initRedis(
  config: Pick<Config, 'state' | 'ledger'>,
  options: InitOptions,
): Promise<InitResult> {
  try {
    return await initialise(config, options)
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause
    throw refusal(cause instanceof Error ? cause.message : String(cause), cause)
  }
}

async function initialise(
  { state, ledger }: Pick<Config, 'state' | 'ledger'>,
  options: InitOptions,
): Promise<InitResult> {
  if (state.kind !== 'redis') {
    throw refusal(`"state" names ${state.kind}, which needs no initialisation`)
  }
  await using closing = new AsyncDisposableStack()
  const settings = redisSettings(state, ledger)
  const connect = ioredisConnector(redisAccess(state, ledger))
  // Replicas that are away must not keep a loss from being accepted.
  const starting = !options.acceptLoss
  const reach: Reach = async (target) => {
    const link = connect(target, { onReady: () => {}, onLost: () => {} })
    closing.defer(() => link.close())
    await untilReady(link, target)
    return link
  }
  const targets: InitTarget[] = []
  for (const [target, partitions] of await mastersOf(settings, reach)) {
    const link = await reach(target)
    const problems = await problemsAt(link, settings, { starting })
    if (problems.length > 0) throw refusal(`${nameOf(target)}: ${problems.join('; ')}`)
    targets.push({ partitions, send: (commands) => link.send(commands) })
  }
  return await initLedger(targets, options)
}

async function mastersOf(
  { topology, nodes, masterName = '' }: RedisLedgerSettings,
  reach: Reach,
): Promise<[LinkTarget, readonly number[]][]> {
  const [first] = nodes
  if (topology === 'single') return [[{ kind: 'server', ...first }, ALL]]
  if (topology === 'sentinel') return [[{ kind: 'sentinel', nodes, name: masterName }, ALL]]
  const { masters } = await slotMapOf(nodes, reach)
  const byAddress = Map.groupBy(
    masters.flatMap((address, partition) => (address ? [{ address, partition }] : [])),
    ({ address }) => addressText(address),
  )
  return [...byAddress.values()].flatMap((owned) => {
    const [one] = owned
    const partitions = owned.map(({ partition }) => partition)
    return one === undefined ? [] : [[{ kind: 'server', ...one.address }, partitions] as const]
  }) as [LinkTarget, readonly number[]][]
}

/** The map of the seeds that answer. Throws, when there is none, what one of them says. */
async function slotMapOf(nodes: RedisLedgerSettings['nodes'], reach: Reach): Promise<SlotMap> {
  const { map, problems } = await reachSlotMap(nodes, reach)
  if (map !== undefined) return map
  if (problems.length > 0) throw refusal([...new Set(problems)].join('; '))
  throw refusal('no node of the cluster tells who has which slots')
}

function refusal(why: string, cause?: unknown): GatewayError {
  return new GatewayError('LedgerUnavailable', `Cannot initialise: ${why}`, { cause })
}
