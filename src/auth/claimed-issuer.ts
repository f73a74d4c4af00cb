import { decodeJwt } from 'jose'

/**
 * What a token says about who issued it, for counting its failures: nothing is proven and nothing may be
 * allowed by it. Empty for text that is no token or does not say.
 */
export function claimedIssuer(token: string): string {
  try {
    const { iss } = decodeJwt(token)
    return typeof iss === 'string' ? iss : ''
  } catch {
    return ''
  }
}
