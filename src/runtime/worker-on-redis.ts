import type { Config } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { Ledger } from '../ledger/port.ts'
import { openRedisLedger } from '../ledger/redis/redis.ts'
import { PARTITION_TAGS, PARTITIONS } from '../ledger/redis/tags.ts'
import type { TestedServers } from '../ledger/redis/tested-servers.ts'
import { openRedisState } from '../state/redis.ts'
import type { LedgerPorts } from './compose-context.ts'
import { ioredisConnector } from './ioredis-link.ts'
import { keepGateway } from './keep-gateway.ts'
import { openPartitionServer } from './partition-server.ts'
import { redisAccess, redisSettings } from './redis-access.ts'
import { perScope, scoped } from './request-scope.ts'
import { openWorkerGateway, type WorkerState } from './worker-gateway.ts'

/** How long a request waits for its connections, in milliseconds: whoever has none cannot decide. */
const START_MS = 10_000
/** Beside what the ledger is as a whole. */
const HOME_PARTITION = 0

/** The gateway of this isolate, on the Redis that its configuration names. Throws `ConfigError`. */
export const gatewayOnRedis = keepGateway((env) => openWorkerGateway(env, stateOnRedis))

/** Connections belong to the request that makes them: each has its own, and closes them when it is over. */
function stateOnRedis({ state, ledger }: Pick<Config, 'state' | 'ledger'>): WorkerState {
  if (state.kind !== 'redis' || ledger.durability === 'async') {
    const why = state.kind === 'redis' ? 'a worker keeps no journal' : `it is ${state.kind}:`
    throw new GatewayError('InternalError', `Cannot start: "state" must be on Redis, and ${why}`)
  }
  const settings = redisSettings(state, ledger)
  const connect = ioredisConnector(redisAccess(state, ledger))
  const tested: TestedServers = new Map()
  let known: string | undefined

  function open({ stopwatch, log, learnTime, alarm }: LedgerPorts): Promise<Ledger> {
    return openRedisLedger({
      settings,
      connect,
      clock: stopwatch,
      schedule: (run) => void setTimeout(run, 0),
      startMs: START_MS,
      tested,
      // That it was opened is no news: each request does so.
      log: { ...log, info: log.debug },
      learnTime,
      alarm,
    })
  }

  /** Throws for the ledger of another installation, and until ours is known. */
  function assertOurs({ salt }: Ledger): void {
    known ??= salt
    if (salt === known) return
    throw new GatewayError('LedgerUnavailable', 'Cannot use the ledger: it is another one by now')
  }

  let ledgerNow = (): Promise<Ledger> => Promise.reject(new Error('Cannot decide yet'))

  const stateNow = perScope(({ closing }) => {
    const server = openPartitionServer(HOME_PARTITION, { settings, connect })
    const store = openRedisState(server, { tag: PARTITION_TAGS[HOME_PARTITION] ?? '' })
    closing.defer(() => store.close())
    return store
  })

  return {
    async openLedger(ports) {
      ledgerNow = perScope(({ closing }) => {
        const opening = open(ports)
        closing.defer(async () => (await opening.catch(() => undefined))?.close())
        return opening
      })
      const current = async () => {
        const ledger = await ledgerNow()
        assertOurs(ledger)
        return ledger
      }
      return {
        partitions: PARTITIONS,
        get salt() {
          if (known !== undefined) return known
          throw new GatewayError('LedgerUnavailable', 'Cannot decide: the ledger does not answer')
        },
        admit: async (command) => (await current()).admit(command),
        finish: async (command) => (await current()).finish(command),
        share: async () => (await current()).share(),
        claim: async (request) => (await current()).claim(request),
        find: async (ref) => (await current()).find(ref),
        list: async (request) => (await current()).list(request),
        recent: async (request) => (await current()).recent(request),
        audit: async (request) => (await current()).audit(request),
        async close() {},
      }
    },
    openState: async () => scoped(stateNow),
    async prepare() {
      // Whoever needs it says that it is not known.
      if (known === undefined) await ledgerNow().then(assertOurs, () => {})
    },
    async doChores(context) {
      const { sweep } = await import('../gateway/sweep.ts')
      await sweep(context)
    },
  }
}
