import { Secret } from '../secret.ts'
import { type Capabilities, NOTHING_KNOWN } from '../stores/capabilities.ts'
import type { Profile } from '../stores/profile.ts'
import { PROVIDERS, profileOf } from '../stores/profile-of.ts'
import type { Store, StoreCredential } from '../stores/store.ts'
import { NO_TRAITS } from '../stores/traits.ts'
import { type Origin, parseOrigin } from './address.ts'
import { buildEvents } from './build-events.ts'
import { isPlaceholder } from './build-secrets.ts'
import type { Environment } from './config.ts'
import { parseInstant } from './parse-instant.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import type { KeyPairInput, StoreInput } from './schema-stores.ts'
import { didYouMean } from './suggest.ts'

interface Scope {
  readonly environment: Environment
  readonly report: Report
  readonly path: Path
}

interface OriginScope extends Scope {
  /** The provider's path before the bucket. */
  readonly basePath: string
}

const NO_ORIGIN: Origin = { text: '', isEncrypted: true, isLoopback: false, isAddress: false }

/**
 * A store, with what its provider's profile adds. Always gives one, so that buckets can be held
 * against it; when something was reported it must not be used.
 */
export function buildStore(
  name: string,
  input: StoreInput,
  { environment, report }: { environment: Environment; report: Report },
): Store {
  const scope: Scope = { environment, report, path: ['stores', name] }
  const profile = profileFor(input.provider, scope)
  const region = regionFor(input, profile, scope)
  const origins: OriginScope = { ...scope, basePath: profile?.basePath ?? '' }
  const endpoint = readOrigin('endpoint', endpointText(input, { profile, region, scope }), origins)
  const { publicEndpoint, capacityBytes, healthCheckSeconds } = input
  const signed =
    publicEndpoint === undefined ? endpoint : readOrigin('publicEndpoint', publicEndpoint, origins)
  const addressing = input.addressing ?? profile?.addressing[0] ?? 'path'
  if (addressing === 'virtual') checkVirtual([endpoint, signed], origins)
  checkDomain(endpoint, signed, { ...scope, profile })
  const traits = profile?.traits ?? NO_TRAITS
  const events =
    input.events &&
    buildEvents(input.events, { traits: traits.events, report, path: [...scope.path, 'events'] })
  return {
    name,
    provider: input.provider,
    endpoint: endpoint.text,
    publicEndpoint: signed.text,
    region,
    addressing,
    credentials: credentialsFor(input, scope),
    allowReadableWriteCredential: input.allowReadableWriteCredential,
    maxTransferSeconds: input.maxTransferSeconds,
    timeoutMs: input.timeoutMs,
    probe: input.probe,
    maxConcurrentCalls: input.maxConcurrentCalls,
    ...(capacityBytes !== undefined && { capacityBytes }),
    ...(healthCheckSeconds !== undefined && { healthCheckSeconds }),
    capabilities: capabilitiesFor(input, profile),
    traits,
    ...(events !== undefined && { events }),
  }
}

function profileFor(provider: string, { report, path }: Scope): Profile | undefined {
  const profile = profileOf(provider)
  if (profile === undefined) {
    report.problem(
      [...path, 'provider'],
      `names no profile${didYouMean(provider, PROVIDERS) || `; there are ${PROVIDERS.join(', ')}`}`,
    )
  }
  return profile
}

function regionFor(input: StoreInput, profile: Profile | undefined, scope: Scope): string {
  if (input.region !== undefined) return input.region
  const region = profile?.region ?? 'config'
  if (region === 'bucket') {
    scope.report.problem(
      [...scope.path, 'region'],
      "is required: this provider checks the bucket's",
    )
  }
  return region === 'bucket' || region === 'config' ? 'us-east-1' : region
}

function endpointText(
  input: StoreInput,
  { profile, region, scope }: { profile: Profile | undefined; region: string; scope: Scope },
): string | undefined {
  const usual = profile?.endpoint.replace('{region}', region)
  const text = input.endpoint ?? (usual?.includes('{') === false ? usual : undefined)
  if (text === undefined) scope.report.problem([...scope.path, 'endpoint'], 'is required')
  return text
}

function readOrigin(
  member: 'endpoint' | 'publicEndpoint',
  text: string | undefined,
  { environment, report, path, basePath }: OriginScope,
): Origin {
  if (text === undefined) return NO_ORIGIN
  // Vendors write it with the path that the profile adds: the same store either way.
  const origin = parseOrigin(withoutPath(text, basePath))
  if (typeof origin === 'string') {
    report.problem([...path, member], origin)
    return NO_ORIGIN
  }
  if (environment === 'production' && !origin.isEncrypted && !origin.isLoopback) {
    report.problem([...path, member], 'must be https: in production')
  }
  return origin
}

function withoutPath(text: string, basePath: string): string {
  if (basePath === '') return text
  const bare = text.replace(/\/$/, '')
  const rest = bare.slice(0, -basePath.length)
  return bare.endsWith(basePath) && !rest.endsWith('/') ? rest : text
}

function checkVirtual(origins: readonly Origin[], { report, path, basePath }: OriginScope): void {
  const at = [...path, 'addressing']
  if (origins.some(({ isAddress }) => isAddress)) {
    report.problem(at, 'must be path: no bucket name can stand before an IP address')
  }
  if (basePath !== '') report.problem(at, 'must be path: this provider has no other')
}

/** A URL for a domain of one's own would be refused by every store that serves its own names alone. */
function checkDomain(
  endpoint: Origin,
  signed: Origin,
  { profile, report, path }: Scope & { readonly profile: Profile | undefined },
): void {
  if (profile?.traits.customDomain !== 'no' || signed.text === endpoint.text) return
  const { hostname } = new URL(signed.text || 'http://localhost')
  // What comes after the part that is filled in; and what the endpoint lies in, for names that the
  // profile does not know, like those of a partition of the cloud.
  const domains = [profile.endpoint.replace(/^.*[}/]\.?/, ''), parentOf(endpoint)]
  if (signed.text === '' || domains.some((domain) => isWithin(hostname, domain))) return
  report.problem(
    [...path, 'publicEndpoint'],
    `cannot be a domain of one's own: this provider signs for its own names only`,
  )
}

function parentOf({ text }: Origin): string {
  return text === '' ? '' : new URL(text).hostname.replace(/^[^.]*\./, '')
}

function isWithin(hostname: string, domain: string): boolean {
  return domain.includes('.') && (hostname === domain || hostname.endsWith(`.${domain}`))
}

function credentialsFor({ credentials }: StoreInput, scope: Scope): Store['credentials'] {
  const path = [...scope.path, 'credentials']
  if ('write' in credentials) {
    return {
      write: keyPair(credentials.write, { ...scope, path: [...path, 'write'] }),
      read: keyPair(credentials.read, { ...scope, path: [...path, 'read'] }),
      manage: keyPair(credentials.manage, { ...scope, path: [...path, 'manage'] }),
    }
  }
  const only = keyPair(credentials, { ...scope, path })
  return { write: only, read: only, manage: only }
}

function keyPair(input: KeyPairInput, { environment, report, path }: Scope): StoreCredential {
  const { accessKeyId, secretAccessKey, sessionToken, expiresAt } = input
  // It is written into every signed URL, between slashes.
  if (!/^[!-.0-~]{1,256}$/.test(accessKeyId)) {
    report.problem([...path, 'accessKeyId'], 'must be 1 to 256 printable characters without "/"')
  }
  const secret: Path = [...path, 'secretAccessKey']
  if (!/^[!-~]+$/.test(secretAccessKey)) {
    report.problem(
      secret,
      secretAccessKey === '' ? 'is empty' : 'must be printable, without spaces',
    )
  } else if (isPlaceholder(secretAccessKey)) {
    const message = 'is a placeholder, not a secret'
    if (environment === 'production') report.problem(secret, message)
    else report.warn(secret, message)
  }
  const expiresAtMs = expiresAt === undefined ? undefined : parseInstant(expiresAt)
  if (expiresAt !== undefined) {
    const end: Path = [...path, 'expiresAt']
    if (expiresAtMs === undefined) report.problem(end, 'must be a time like 2026-12-31T23:59:59Z')
    if (sessionToken === undefined) report.problem(end, 'goes with sessionToken only')
  }
  if (sessionToken === '') report.problem([...path, 'sessionToken'], 'is empty')
  return {
    accessKeyId,
    secretAccessKey: new Secret(secretAccessKey),
    ...(sessionToken !== undefined && { sessionToken: new Secret(sessionToken) }),
    ...(expiresAtMs !== undefined && { expiresAtMs }),
  }
}

function capabilitiesFor({ capabilities }: StoreInput, profile: Profile | undefined): Capabilities {
  const expected = profile?.capabilities ?? NOTHING_KNOWN
  const stated = Object.entries(capabilities ?? {}).filter(([, value]) => value !== undefined)
  return { ...expected, ...Object.fromEntries(stated) } as Capabilities
}
