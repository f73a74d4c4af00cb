import { Secret } from '../secret.ts'
import { type Capabilities, NOTHING_KNOWN } from '../stores/capabilities.ts'
import type { Profile } from '../stores/profile.ts'
import { PROVIDERS, profileOf } from '../stores/profile-of.ts'
import type { Store, StoreCredential } from '../stores/store.ts'
import { NO_TRAITS } from '../stores/traits.ts'
import { type Origin, parseOrigin } from './address.ts'
import { isPlaceholder } from './build-secrets.ts'
import type { Environment } from './config.ts'
import { type Path, quote } from './problem.ts'
import type { Report } from './report.ts'
import type { KeyPairInput, StoreInput } from './schema-stores.ts'
import { didYouMean } from './suggest.ts'

interface Scope {
  readonly environment: Environment
  readonly report: Report
  readonly path: Path
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
  const endpoint = readOrigin('endpoint', endpointText(input, { profile, region, scope }), scope)
  const { publicEndpoint } = input
  const signed =
    publicEndpoint === undefined ? endpoint : readOrigin('publicEndpoint', publicEndpoint, scope)
  const addressing = input.addressing ?? profile?.addressing[0] ?? 'path'
  if (addressing === 'virtual' && (endpoint.isAddress || signed.isAddress)) {
    report.problem(
      [...scope.path, 'addressing'],
      'must be path: no bucket name can stand before an IP address',
    )
  }
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
    capabilities: capabilitiesFor(input, profile),
    traits: profile?.traits ?? NO_TRAITS,
  }
}

function profileFor(provider: string, { report, path }: Scope): Profile | undefined {
  const profile = profileOf(provider)
  if (profile === undefined) {
    report.problem(
      [...path, 'provider'],
      `names no profile${didYouMean(provider, PROVIDERS) || `; there are ${PROVIDERS.join(', ')}`}`,
    )
  } else if (profile.basePath !== '') {
    report.problem(
      [...path, 'provider'],
      `cannot be ${quote(provider)} in this version: its URLs have a path before the bucket`,
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
  { environment, report, path }: Scope,
): Origin {
  if (text === undefined) return NO_ORIGIN
  const origin = parseOrigin(text)
  if (typeof origin === 'string') {
    report.problem([...path, member], origin)
    return NO_ORIGIN
  }
  if (environment === 'production' && !origin.isEncrypted && !origin.isLoopback) {
    report.problem([...path, member], 'must be https: in production')
  }
  return origin
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
  const { accessKeyId, secretAccessKey, sessionToken } = input
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
  if (sessionToken === '') report.problem([...path, 'sessionToken'], 'is empty')
  return {
    accessKeyId,
    secretAccessKey: new Secret(secretAccessKey),
    ...(sessionToken !== undefined && { sessionToken: new Secret(sessionToken) }),
  }
}

function capabilitiesFor({ capabilities }: StoreInput, profile: Profile | undefined): Capabilities {
  const expected = profile?.capabilities ?? NOTHING_KNOWN
  const stated = Object.entries(capabilities ?? {}).filter(([, value]) => value !== undefined)
  return { ...expected, ...Object.fromEntries(stated) } as Capabilities
}
