import { ConfigError } from '../config/problem.ts'
import { GatewayError } from '../errors.ts'
import type { WorkerBindings } from './worker-bindings.ts'

/**
 * One gateway for an isolate, made by its first request. Settings that cannot be used stay so: nobody reads
 * them again, and each request gets the same error, thrown as it was at first.
 */
export function keepGateway<Gateway extends { tellReady(): void }>(
  open: (env: WorkerBindings) => Promise<Gateway>,
): (env: WorkerBindings) => Promise<Gateway> {
  let kept: Gateway | undefined
  let failed: unknown
  return async (env) => {
    if (kept !== undefined) return kept
    if (failed !== undefined) throw failed
    try {
      const made = await open(env)
      // Several first requests make one each, as none may wait for another.
      if (kept === undefined) made.tellReady()
      kept ??= made
      return kept
    } catch (error) {
      if (!isForGood(error)) throw error
      failed ??= error
      throw failed
    }
  }
}

/** Whether it is the settings that do not let it start, and not somebody who does not answer. */
function isForGood(error: unknown): boolean {
  if (error instanceof ConfigError) return true
  return error instanceof GatewayError && error.code === 'InternalError'
}
