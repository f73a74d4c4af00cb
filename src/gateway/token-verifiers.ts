import { unauthenticated } from '../auth/bearer.ts'
import type { VerifyAdminToken, VerifyToken } from '../auth/identity.ts'
import type { TokenIssuer } from '../auth/jwt/issuer.ts'
import type { KeyPorts } from '../auth/jwt/issuer-keys.ts'
import { createKeyRing } from '../auth/jwt/key-ring.ts'
import {
  createAdminTokenVerifier,
  createTokenVerifier,
  type VerifierPorts,
} from '../auth/jwt/token-verifier.ts'
import type { Config } from '../config/config.ts'

/** The issuers of a configuration. */
type Issuers = Pick<Config, 'issuers' | 'adminIssuer'>

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
 * Verifiers that follow the configuration: other issuers make other verifiers, and the keys of those that
 * stay are kept.
 */
export function createTokenVerifiers(
  config: () => Issuers,
  ports: KeyPorts & Omit<VerifierPorts, 'keyRing'>,
): TokenVerifiers {
  const keyRing = createKeyRing(ports)
  let made = verifiersOf(config())
  let hadKeys = false

  function verifiersOf({ issuers, adminIssuer }: Issuers) {
    const verifying = { ...ports, keyRing }
    return {
      issuers,
      adminIssuer,
      verify: createTokenVerifier(issuers.values(), verifying),
      verifyAdmin: adminIssuer && createAdminTokenVerifier(adminIssuer, verifying),
    }
  }

  function current() {
    const { issuers, adminIssuer } = config()
    if (issuers !== made.issuers || adminIssuer !== made.adminIssuer) {
      made = verifiersOf({ issuers, adminIssuer })
    }
    return made
  }

  return {
    verify: (token) => current().verify(token),
    async verifyAdmin(token) {
      const { verifyAdmin } = current()
      if (verifyAdmin === undefined) throw unauthenticated()
      return await verifyAdmin(token)
    },
    get hadKeys() {
      hadKeys ||= keyRing.missing(current().issuers.values()).length === 0
      return hadKeys
    },
    async refreshKeys() {
      const { issuers, adminIssuer } = current()
      const all: TokenIssuer[] = [...issuers.values()]
      if (adminIssuer !== undefined) all.push(adminIssuer)
      await keyRing.refresh(all)
    },
  }
}
