import type { TokenVerifiers } from './token-verifiers.ts'

/** How often is looked whether keys of issuers are missing or old, in milliseconds. */
const EVERY_MS = 5_000

/**
 * Keeps the keys of all issuers, so that callers do not wait for them and a key that its issuer has taken
 * back ends. The first look is at once. Returns what stops it; a fetch under way is nothing to wait for.
 */
export function startKeyWatch(
  tokens: Pick<TokenVerifiers, 'refreshKeys'>,
  { everyMs = EVERY_MS } = {},
): () => void {
  const look = () => void tokens.refreshKeys()
  look()
  const timer = setInterval(look, everyMs)
  return () => clearInterval(timer)
}
