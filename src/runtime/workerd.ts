import { LedgerObject } from './durable-object.ts'
import { lateHandler } from './late-handler.ts'

/**
 * The entry of a worker whose ledger lies in Durable Objects. Its default export is the public API. The
 * admin API is an entry point of its own: only a socket or a binding that names it reaches it.
 */
const handlers = async () => (await import('./objects-worker.ts')).objectsWorker
const publicApi = lateHandler(async () => (await handlers()).publicApi)
const admin = lateHandler(async () => (await handlers()).admin)

// biome-ignore lint/style/noDefaultExport: the runtime takes the worker itself from it
export { admin, LedgerObject, publicApi as default }
