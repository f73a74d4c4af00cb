import { gatewayOnObjects } from './on-durable-objects.ts'
import { serveWorker } from './serve-worker.ts'

/** The handlers of a worker whose ledger lies in Durable Objects, by the names of its entry points. */
export const objectsWorker = serveWorker(gatewayOnObjects)
