import type { BatchResult } from './batcher.ts'
import type { RedisResult } from './redis-link.ts'

// Errors with which Redis refuses a script before it has run (redis.io, protocol error prefixes).
const NOT_EXECUTED =
  /^(OOM|READONLY|LOADING|MASTERDOWN|NOREPLICAS|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|NOSCRIPT|BUSY|MISCONF|NOPERM|NOAUTH)\b/

/** True when the command has certainly not run, so that it may be given once more. */
export function isNotExecuted(result: BatchResult): boolean {
  if (result.kind === 'unsent') return true
  return result.kind === 'error' && NOT_EXECUTED.test(result.message)
}

/** True when the script ran and came to nothing: by its keys or by what it was given. */
export function isScriptFault(
  result: BatchResult,
): result is BatchResult & { readonly kind: 'error' } {
  return result.kind === 'error' && !isNotExecuted(result)
}

/** True when another server has the partition, or is about to: the command has not run. */
export function isMoved(result: RedisResult): result is RedisResult & { readonly kind: 'error' } {
  return result.kind === 'error' && /^(MOVED|ASK|CLUSTERDOWN|TRYAGAIN)\b/.test(result.message)
}

/** True of a script that the server does not have: it was restarted, or its scripts were flushed. */
export function isUnknownScript(result: RedisResult): boolean {
  return result.kind === 'error' && result.message.startsWith('NOSCRIPT')
}
