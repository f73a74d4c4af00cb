import { fromBase64Url } from '../hashing.ts'

/**
 * What a token says about who issued it (RFC 7519 section 7.2), for counting its failures: nothing is proven
 * and nothing may be allowed by it. Empty for text that is no token or does not say. The library for tokens
 * is not loaded for this: whoever has no issuer is sent tokens all the same.
 */
export function claimedIssuer(token: string): string {
  const [, text = '', signature, ...more] = token.split('.')
  const claims = fromBase64Url(text)
  if (claims === undefined || signature === undefined || more.length > 0) return ''
  try {
    const { iss } = JSON.parse(new TextDecoder().decode(claims)) as { iss?: unknown }
    return typeof iss === 'string' ? iss : ''
  } catch {
    return ''
  }
}
