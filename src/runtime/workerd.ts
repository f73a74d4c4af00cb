import { LedgerObject } from './durable-object.ts'
import { gatewayOnObjects } from './on-durable-objects.ts'
import { serveWorker } from './serve-worker.ts'

/**
 * The entry of a worker whose ledger lies in Durable Objects. Its default export is the public API. The
 * admin API is an entry point of its own: only a socket or a binding that names it reaches it.
 */
const { publicApi, admin } = serveWorker(gatewayOnObjects)

// biome-ignore lint/style/noDefaultExport: the runtime takes the worker itself from it
export { admin, LedgerObject, publicApi as default }
