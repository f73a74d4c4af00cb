import { parseStoredHash } from '../auth/api-key.ts'
import type { KeyRecord } from '../auth/key-record.ts'
import type { Permission } from '../auth/principal.ts'
import { type RotatingSecret, secretOfVersion } from '../auth/rotating-secret.ts'
import { isEssence } from '../policy/content-type.ts'
import { fixedPrefix } from '../policy/key-space.ts'
import { checkPrefix } from './build-bucket.ts'
import type { ConfiguredBucket } from './config.ts'
import { type Path, quote } from './problem.ts'
import type { Report } from './report.ts'
import type { KeyInput } from './schema-tenants.ts'
import { didYouMean } from './suggest.ts'

/** What a key is held against. */
export interface KeyScope {
  readonly buckets: ReadonlyMap<string, ConfiguredBucket>
  readonly bucketNames: ReadonlySet<string>
  readonly pepper: RotatingSecret | undefined
  readonly report: Report
  readonly path: Path
}

type AllowInput = KeyInput['allow'][number]

/** The record of an API key. */
export function buildKey(tenant: string, input: KeyInput, scope: KeyScope): KeyRecord {
  const { id, user, hash } = input
  checkHash(hash, scope)
  const permissions = input.allow.map((allow, index) => {
    const at = { ...scope, path: [...scope.path, 'allow', index] }
    warnIfUseless(allow, { tenant, user }, at)
    return buildPermission(allow, at)
  })
  return { id, tenant, user, hashes: [{ hash }], permissions, source: 'configuration' }
}

function checkHash(hash: string, { pepper, path, report }: KeyScope): void {
  const stored = parseStoredHash(hash)
  const at = [...path, 'hash']
  if (stored === undefined) {
    report.problem(at, 'must be a hash as "signet keys create" prints it: never a key')
  } else if (pepper !== undefined && secretOfVersion(pepper, stored.version) === undefined) {
    report.problem(
      at,
      `was made with pepper version ${stored.version}, which is not in secrets.pepper`,
    )
  }
}

function buildPermission(allow: AllowInput, scope: KeyScope): Permission {
  const { path, report, bucketNames } = scope
  const { prefix = '', wholeBucket = false, maxSizeBytes, contentTypes } = allow
  if (prefix === '' && !wholeBucket) {
    report.problem(
      [...path, 'prefix'],
      allow.prefix === undefined
        ? 'is required; for a whole bucket write "wholeBucket: true" instead'
        : 'is empty: write "wholeBucket: true" if that is meant',
    )
  }
  if (prefix !== '' && wholeBucket) {
    report.problem([...path, 'wholeBucket'], 'goes with an empty prefix only')
  }
  checkPrefix(prefix, [...path, 'prefix'], report)
  allow.buckets.forEach((name, index) => {
    if (bucketNames.has(name)) return
    const hint = didYouMean(name, bucketNames)
    report.problem([...path, 'buckets', index], `names no bucket: ${quote(name)}${hint}`)
  })
  contentTypes?.forEach((type, index) => {
    if (isEssence(type)) return
    report.problem([...path, 'contentTypes', index], 'must be a content type in lower case')
  })
  return {
    operations: new Set(allow.operations),
    buckets: new Set(allow.buckets),
    prefix,
    ...(maxSizeBytes !== undefined && { maxSizeBytes }),
    ...(contentTypes !== undefined && { contentTypes: new Set(contentTypes) }),
  }
}

// Legal, but every single upload would be a 403, which is hard to find out later.
function warnIfUseless(
  { operations, buckets, prefix = '' }: AllowInput,
  owner: { tenant: string; user: string },
  { buckets: configured, path, report }: KeyScope,
): void {
  if (!operations.includes('upload')) return
  for (const name of buckets) {
    const keys = configured.get(name)?.keys
    if (keys === undefined) continue
    const begin = fixedPrefix(keys, owner)
    if (prefix.startsWith(begin) || begin.startsWith(prefix)) continue
    report.warn(
      [...path, 'prefix'],
      `never lets this user upload to ${quote(name)}, whose keys start with ${quote(begin)}`,
    )
  }
}
