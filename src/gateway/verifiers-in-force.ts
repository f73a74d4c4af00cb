import { unauthenticated } from '../auth/bearer.ts'
import type { TokenIssuer } from '../auth/jwt/issuer.ts'
import { createKeyRing } from '../auth/jwt/key-ring.ts'
import { createAdminTokenVerifier, createTokenVerifier } from '../auth/jwt/token-verifier.ts'
import type { Issuers, TokenPorts, TokenVerifiers } from './token-verifiers.ts'

/**
 * Verifiers that follow the configuration: other issuers make other verifiers, and the keys of those that
 * stay are kept.
 */
export function createVerifiersInForce(config: () => Issuers, ports: TokenPorts): TokenVerifiers {
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
