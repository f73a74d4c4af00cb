import { serveWorker } from './serve-worker.ts'
import { gatewayOnRedis } from './worker-on-redis.ts'

/** The handlers of a worker whose ledger lies on Redis, by the names of its entry points. */
export const redisWorker = serveWorker(gatewayOnRedis)
