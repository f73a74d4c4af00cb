import type { TokenVerifiers } from './token-verifiers.ts'

/** How often is looked whether keys of issuers are missing or old, in milliseconds. */
const EVERY_MS = 5_000

/**
 * Keeps the keys of all issuers, so that callers do not wait for them and a key that its issuer has taken
 * back ends. The first look is at once. Returns what stops it: it resolves when no fetch is under way.
 */
export function startKeyWatch(
  tokens: Pick<TokenVerifiers, 'refreshKeys'>,
  { everyMs = EVERY_MS } = {},
): () => Promise<void> {
  let underWay: Promise<void> = tokens.refreshKeys()
  const timer = setInterval(() => {
    underWay = tokens.refreshKeys()
  }, everyMs)
  return async () => {
    clearInterval(timer)
    await underWay
  }
}
