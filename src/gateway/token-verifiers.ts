import type { VerifyAdminToken, VerifyToken } from '../auth/identity.ts'
import type { Issuer } from '../auth/jwt/issuer.ts'
import type { KeyPorts } from '../auth/jwt/issuer-keys.ts'
import type { VerifierPorts } from '../auth/jwt/token-verifier.ts'
import type { Config } from '../config/config.ts'
import { lazily } from '../lazily.ts'

/** The issuers of a configuration. */
export type Issuers = Pick<Config, 'issuers' | 'adminIssuer'>

/** What verifying tokens needs from outside. */
export type TokenPorts = KeyPorts & Omit<VerifierPorts, 'keyRing'>

/** Verifies tokens by the settings in force. */
export interface TokenVerifiers {
  /** Tokens of callers. */
  readonly verify: VerifyToken
  /** Tokens of administrators. */
  readonly verifyAdmin: VerifyAdminToken
  /**
   * True once the keys of every mandatory issuer were had, and from then on: an issuer that is added later
   * must not take a gateway out of service.
   */
  readonly hadKeys: boolean
  /** Fetches keys that are missing or old. Never throws. */
  refreshKeys(): Promise<void>
}

/**
 * Verifiers that follow the configuration. What reads tokens and keys is loaded with the first token, or
 * with the first look for keys of an issuer: most gateways have none.
 */
export function createTokenVerifiers(config: () => Issuers, ports: TokenPorts): TokenVerifiers {
  let loaded: TokenVerifiers | undefined
  let hadKeys = false
  const verifiers = lazily(async () => {
    const { createVerifiersInForce } = await import('./verifiers-in-force.ts')
    loaded ??= createVerifiersInForce(config, ports)
    return loaded
  })

  return {
    verify: async (token) => (await verifiers()).verify(token),
    verifyAdmin: async (token) => (await verifiers()).verifyAdmin(token),
    get hadKeys() {
      hadKeys ||= loaded?.hadKeys ?? [...config().issuers.values()].every(needsNoFetch)
      return hadKeys
    },
    async refreshKeys() {
      const { issuers, adminIssuer } = config()
      const isIdle = loaded === undefined && issuers.size === 0 && adminIssuer === undefined
      if (!isIdle) await (await verifiers()).refreshKeys()
    },
  }
}

/** Its keys are in the settings, or the gateway serves without them. */
function needsNoFetch({ mandatory, keys }: Issuer): boolean {
  return !mandatory || keys.kind === 'static'
}
