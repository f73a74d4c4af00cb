import { lateHandler } from './late-handler.ts'

/**
 * The entry of a worker whose ledger lies on a Redis that it shares with other gateways; else as
 * `workerd.ts`. No object sweeps here: other gateways do, or a cron trigger of this worker.
 */
const handlers = async () => (await import('./redis-worker.ts')).redisWorker
const publicApi = lateHandler(async () => (await handlers()).publicApi)
const admin = lateHandler(async () => (await handlers()).admin)

// biome-ignore lint/style/noDefaultExport: the runtime takes the worker itself from it
export { admin, publicApi as default }
