import type { Issuer } from '../../../src/auth/jwt/issuer.ts'
import type { KeyPorts } from '../../../src/auth/jwt/issuer-keys.ts'
import { createKeyRing } from '../../../src/auth/jwt/key-ring.ts'
import { createTokenVerifier } from '../../../src/auth/jwt/token-verifier.ts'
import { createLogger } from '../../../src/log.ts'
import { nodeHashing } from '../../../src/runtime/node-hashing.ts'
import { TestClock } from '../../support/test-clock.ts'

/** Settings of an issuer whose tenant stands in the claim `tenant`. */
export const ISSUER: Issuer = {
  name: 'corp',
  issuer: 'https://id.example.com',
  audiences: ['signet'],
  algorithms: ['RS256', 'ES256'],
  typ: 'at+jwt',
  maxAgeSeconds: 3_600,
  clockToleranceSeconds: 30,
  keys: { kind: 'static', keys: [] },
  mandatory: true,
  require: [],
  tenant: { claim: ['tenant'] },
  user: { claim: ['sub'] },
  rules: [],
}

/** Ports with a clock of their own, a log that is kept, and counted fetches. */
export function keyPorts(changes: Partial<KeyPorts> = {}) {
  const clock = new TestClock()
  const log: string[] = []
  const outcomes: string[] = []
  const ports = {
    clock,
    fetch: globalThis.fetch,
    hashing: nodeHashing,
    log: createLogger({ write: (line) => log.push(line), clock, level: 'debug' }),
    telemetry: {
      issuerKeysFetched: ({ outcome }: { outcome: string }) => void outcomes.push(outcome),
    },
    ...changes,
  }
  return { ports, clock, log, outcomes }
}

/** A verifier for one issuer, with what it is made of. */
export function verifierFor(issuer: Issuer, changes: Partial<KeyPorts> = {}) {
  const given = keyPorts(changes)
  const keyRing = createKeyRing(given.ports)
  const verify = createTokenVerifier([issuer], { ...given.ports, keyRing })
  return { ...given, keyRing, verify }
}
