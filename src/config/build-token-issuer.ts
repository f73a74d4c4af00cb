import type { KeySource, PublicJwk, TokenIssuer } from '../auth/jwt/issuer.ts'
import { publicKeysOf } from '../auth/jwt/public-keys.ts'
import { isLoopbackHost } from './address.ts'
import type { Environment } from './config.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import type { TokenInput } from './schema-issuers.ts'

const DISCOVERY_PATH = '/.well-known/openid-configuration'

interface Scope {
  readonly environment: Environment
  readonly report: Report
  /** Of the issuer. */
  readonly path: Path
}

/** What issuers of both listeners have in common. Reports key sources that are none. */
export function buildTokenIssuer(
  name: string,
  input: TokenInput,
  scope: Scope,
): Omit<TokenIssuer, 'require'> {
  const { issuer, audience, algorithms, typ, maxAgeSeconds, clockToleranceSeconds } = input
  if (typ.toLowerCase() !== 'at+jwt' && input.require.length === 0) {
    const advice = 'tell them apart by a claim in "require"'
    scope.report.warn([...scope.path, 'typ'], `is what ID tokens can have too: ${advice}`)
  }
  return {
    name,
    issuer,
    audiences: typeof audience === 'string' ? [audience] : audience,
    algorithms,
    typ,
    maxAgeSeconds,
    clockToleranceSeconds,
    keys: keySource(input, scope),
  }
}

function keySource({ issuer, jwks }: TokenInput, scope: Scope): KeySource {
  const { report, path } = scope
  const { url, keys } = jwks
  if (url !== undefined && keys !== undefined) {
    report.problem([...path, 'jwks', 'keys'], 'goes without "url" only')
  }
  if (keys !== undefined) return { kind: 'static', keys: staticKeys(keys, scope) }
  if (url !== undefined) {
    checkUrl(url, { ...scope, path: [...path, 'jwks', 'url'] })
    return { kind: 'url', url }
  }
  checkUrl(issuer, { ...scope, path: [...path, 'issuer'] })
  if (issuer.includes('?')) {
    report.problem([...path, 'issuer'], 'must have no query: its keys are looked up below it')
  }
  // OpenID Connect Discovery 1.0 section 4: behind the issuer without its last slash.
  return { kind: 'discovery', url: issuer.replace(/\/$/, '') + DISCOVERY_PATH }
}

// URL parsers drop or turn what is left out here, and would hide another host.
function checkUrl(text: string, { environment, report, path }: Scope): void {
  const url = /^[!-~]+$/.test(text) && !text.includes('\\') ? parsedUrl(text) : undefined
  if (url === undefined || !/^https?:\/\//.test(text)) {
    report.problem(path, 'must be an https: URL')
  } else if (text.includes('@') || text.includes('#')) {
    report.problem(path, 'must have no user name, password or fragment')
  } else if (url.protocol === 'http:' && environment === 'production' && !isLoopback(url)) {
    report.problem(path, 'must be https: in production')
  }
}

function parsedUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined
}

function isLoopback({ hostname }: URL): boolean {
  return isLoopbackHost(hostname.replace(/^\[|\]$/g, ''))
}

function staticKeys(
  input: NonNullable<TokenInput['jwks']['keys']>,
  { report, path }: Scope,
): readonly PublicJwk[] {
  const at = [...path, 'jwks', 'keys']
  try {
    const document: unknown = typeof input === 'string' ? JSON.parse(input) : { keys: input }
    const keys = publicKeysOf(document)
    const given = (document as { readonly keys: readonly unknown[] }).keys.length
    if (keys.length === given && given > 0) return keys
    report.problem(at, 'must be public keys of RSA, EC or OKP, and nothing else')
  } catch {
    report.problem(at, 'must be a key set: a list of JWKs, or JSON like {"keys": […]}')
  }
  return []
}
