import { describe, inject, it } from 'vitest'
import type { SharedRedis } from './ensure-redis.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Whether this machine has Redis; the run says at its end what was not shown without. */
    redis: SharedRedis
  }
}

/**
 * Describes guarantees that only real Redis processes can show. Where Redis cannot be had, one
 * skipped test stands for them in the report, the run says so at its end, and CI has failed long
 * before. `body` gets the version, such as `7.0.15`.
 */
export function describeOnRedis(name: string, body: (version: string) => void): void {
  const redis = inject('redis')
  describe(name, () => {
    if (redis.kind === 'unavailable') it.skip('not shown: there is no Redis here')
    else body(redis.version)
  })
}
