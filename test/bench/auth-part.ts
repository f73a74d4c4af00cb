import { CompactSign, type CryptoKey, exportJWK, generateKeyPair } from 'jose'
import type { VerifyToken } from '../../src/auth/identity.ts'
import type { Issuer } from '../../src/auth/jwt/issuer.ts'
import { createKeyRing } from '../../src/auth/jwt/key-ring.ts'
import { createTokenVerifier } from '../../src/auth/jwt/token-verifier.ts'
import { systemClock } from '../../src/clock.ts'
import { createLogger } from '../../src/log.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { figuresOf, type Report } from './figure.ts'
import { interleave } from './rounds.ts'

const ROUNDS = 15
/** Tokens of one round, each seen for the first time. */
const TOKENS = 400
const ISSUER = 'https://id.example.com'

/**
 * What a token costs, in microseconds of CPU of all threads: seen for the first time with a warm key, seen
 * before, and the bare signature check of the runtime, which nobody gets around.
 */
export async function authPart(report: Report): Promise<void> {
  const { publicKey, privateKey } = await generateKeyPair('RS256')
  const jwk = { ...(await exportJWK(publicKey)), kty: 'RSA', kid: 'bench', alg: 'RS256' }
  const issuer: Issuer = {
    name: 'bench',
    issuer: ISSUER,
    audiences: ['signet'],
    algorithms: ['RS256', 'ES256'],
    typ: 'at+jwt',
    maxAgeSeconds: 86_400,
    clockToleranceSeconds: 30,
    keys: { kind: 'static', keys: [jwk] },
    mandatory: true,
    require: [{ claim: ['client_id'] }],
    tenant: { claim: ['org', 'id'] },
    user: { claim: ['sub'] },
    rules: [],
  }
  let serial = 0
  const tokens = () =>
    Promise.all(Array.from({ length: TOKENS }, () => signed(privateKey, `user-${serial++}`)))
  const ports = {
    clock: systemClock,
    hashing: nodeHashing,
    log: createLogger({ write: () => {}, clock: systemClock, level: 'error' }),
    telemetry: { issuerKeysFetched: () => {} },
    fetch: () => Promise.reject(new Error('Cannot fetch: the keys are at hand')),
  }
  const verify = createTokenVerifier([issuer], { ...ports, keyRing: createKeyRing(ports) })
  const known = await tokens()
  await each(known, verify)
  await each(await tokens(), verify)
  const measured = await interleave(
    [
      { name: 'auth.jwt.cpuMicros', run: async () => cpuOfEach(await tokens(), verify) },
      { name: 'auth.jwt.known.cpuMicros', run: () => cpuOfEach(known, verify) },
      {
        name: 'auth.webcrypto.cpuMicros',
        run: async () => cpuOfEach(await tokens(), (token) => check(publicKey, token)),
      },
    ],
    ROUNDS,
  )
  const unit = 'µs of CPU'
  const baselines = ['auth.webcrypto.cpuMicros']
  for (const name of ['auth.jwt.cpuMicros', 'auth.jwt.known.cpuMicros']) {
    for (const figure of figuresOf(measured, { name, unit, baselines })) report(figure)
  }
  for (const name of baselines) {
    for (const figure of figuresOf(measured, { name, unit })) report(figure)
  }
}

function signed(key: CryptoKey, sub: string): Promise<string> {
  const nowSeconds = Math.floor(Date.now() / 1000)
  const claims = {
    iss: ISSUER,
    aud: 'signet',
    sub,
    org: { id: 'acme' },
    client_id: 'bench',
    scope: 'openid profile upload',
    iat: nowSeconds,
    exp: nowSeconds + 3_600,
    jti: crypto.randomUUID(),
  }
  return new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
    .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'bench' })
    .sign(key)
}

async function check(key: CryptoKey, token: string): Promise<void> {
  const end = token.lastIndexOf('.')
  const signature = Buffer.from(token.slice(end + 1), 'base64url')
  const data = Buffer.from(token.slice(0, end))
  const isRight = await crypto.subtle.verify('RSASSA-PKCS1-v1_5', key, signature, data)
  if (!isRight) throw new Error('Cannot compare: the signature is wrong')
}

async function each(
  tokens: readonly string[],
  act: VerifyToken | ((token: string) => Promise<void>),
): Promise<void> {
  for (const token of tokens) await act(token)
}

async function cpuOfEach(
  tokens: readonly string[],
  act: VerifyToken | ((token: string) => Promise<void>),
): Promise<number> {
  const before = process.cpuUsage()
  await each(tokens, act)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / tokens.length
}
