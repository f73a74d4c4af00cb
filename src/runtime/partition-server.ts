import { GatewayError } from '../errors.ts'
import { hasReplicas } from '../ledger/redis/batcher.ts'
import { isMoved } from '../ledger/redis/not-executed.ts'
import type {
  ConnectLink,
  LinkTarget,
  RedisCommand,
  RedisLink,
  RedisResult,
} from '../ledger/redis/redis-link.ts'
import type { RedisLedgerSettings } from '../ledger/redis/settings.ts'
import { SIDE_TIMEOUT_MS } from '../ledger/redis/side-link.ts'
import type { StateServer } from '../state/redis.ts'
import { reachSlotMap, untilReady } from './reach-redis.ts'

interface Reached {
  readonly target: LinkTarget
  readonly link: RedisLink
}

/**
 * The master of a partition, over a connection of its own that is made at the first command. Commands
 * are sent once; only one that another master should have had, and which has not run, goes to that one.
 * Changes wait for the replicas of the settings, as decisions of the ledger do.
 */
export function openPartitionServer(
  partition: number,
  {
    settings,
    connect,
    timeoutMs = SIDE_TIMEOUT_MS,
  }: {
    readonly settings: RedisLedgerSettings
    readonly connect: ConnectLink
    /** For one command, and as long again for the connection. Default: 5,000. */
    readonly timeoutMs?: number
  },
): StateServer {
  const isCluster = settings.topology === 'cluster'
  let home: Promise<Reached> | undefined
  let closed = false

  function open(target: LinkTarget): RedisLink {
    const events = { onReady: () => {}, onLost: () => {} }
    return connect(target, events, { timeoutMs })
  }

  /** Connects to the master that the nodes of a cluster name, over connections for that alone. */
  async function findMaster(): Promise<LinkTarget> {
    await using asked = new AsyncDisposableStack()
    const { map, problems } = await reachSlotMap(settings.nodes, async (target) => {
      const link = open(target)
      asked.defer(() => link.close())
      await untilReady(link, target)
      return link
    })
    const master = map?.masters[partition]
    if (master !== undefined) return { kind: 'server', ...master }
    throw new Error(problems[0] ?? 'no node of the cluster tells who has the slot')
  }

  async function reach(): Promise<Reached> {
    const { topology, nodes, masterName = '' } = settings
    const [first] = nodes
    if (isCluster) {
      const target = await findMaster()
      return { target, link: open(target) }
    }
    const target: LinkTarget =
      topology === 'sentinel'
        ? { kind: 'sentinel', nodes, name: masterName }
        : { kind: 'server', ...first }
    return { target, link: open(target) }
  }

  /** Whom a cluster names next time may be another one; elsewhere the link finds back by itself. */
  async function forget(own: Promise<Reached>): Promise<void> {
    if (home !== own) return
    home = undefined
    await own.then(
      ({ link }) => link.close(),
      () => {},
    )
  }

  /** The link when it can be used; throws `LedgerUnavailable`, which names no address. */
  async function ready(own: Promise<Reached>): Promise<RedisLink> {
    try {
      const { link, target } = await own
      await untilReady(link, target, timeoutMs)
      return link
    } catch (cause) {
      if (isCluster) await forget(own)
      throw noState(cause instanceof Error ? cause.message : String(cause), cause)
    }
  }

  async function sendOnce(command: RedisCommand, replicas: number) {
    if (closed) throw noState('the connection is closed')
    home ??= reach()
    const own = home
    const link = await ready(own)
    const waiting = { name: 'WAIT', args: [replicas, settings.waitTimeoutMs] }
    const [result = SILENCE, waited] = await link.send([
      command,
      ...(replicas > 0 ? [waiting] : []),
    ])
    if (result.kind === 'reply') {
      if (replicas === 0 || hasReplicas(waited, replicas)) return result
      throw noState('fewer replicas have it than a change must wait for')
    }
    if (isCluster && result.kind !== 'error') await forget(own)
    if (!isMoved(result)) throw noState(result.message)
    await forget(own)
    return result
  }

  async function send(command: RedisCommand, replicas: number): Promise<unknown> {
    const first = await sendOnce(command, replicas)
    const result = first.kind === 'reply' ? first : await sendOnce(command, replicas)
    if (result.kind === 'reply') return result.reply
    throw noState(result.message)
  }

  return {
    run: (name, args) => send({ name, args }, 0),
    change: (name, args) => send({ name, args }, settings.replicas),
    async close() {
      closed = true
      if (home !== undefined) await forget(home)
    },
  }
}

const SILENCE: RedisResult = { kind: 'unanswered', message: 'no answer' }

function noState(why: string, cause?: unknown): GatewayError {
  return new GatewayError('LedgerUnavailable', 'Cannot use the shared state: no answer', {
    cause,
    facts: { why },
  })
}
