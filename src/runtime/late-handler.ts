import { lazily } from '../lazily.ts'
import type { WorkerHandler } from './serve-worker.ts'

/**
 * A handler that is loaded by its first call, whose answer waits for that: an isolate that has nothing but
 * Durable Objects never loads it, and none does so before it has started.
 */
export function lateHandler(load: () => Promise<WorkerHandler>): WorkerHandler {
  const handler = lazily(load)
  return {
    fetch: async (...asked) => (await handler()).fetch(...asked),
    scheduled: async (...asked) => (await handler()).scheduled(...asked),
  }
}
