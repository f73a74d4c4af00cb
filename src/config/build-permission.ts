import type { Permission } from '../auth/principal.ts'
import { parseNetworks } from '../network.ts'
import { isEssence } from '../policy/content-type.ts'
import { keepsOwnersApart } from '../policy/key-template.ts'
import { checkPrefix } from './check-prefix.ts'
import { type Path, quote } from './problem.ts'
import type { Report } from './report.ts'
import type { AllowInput } from './schema-allow.ts'
import { didYouMean } from './suggest.ts'

/** What rules are held against. */
export interface PermissionScope {
  readonly bucketNames: ReadonlySet<string>
  readonly report: Report
  /** Of the rule, or of the list of rules. */
  readonly path: Path
  /**
   * The rules are for users of more than one tenant, so that `{user}` alone would let users of the same
   * id meet. Default false.
   */
  readonly manyTenants?: boolean
}

/** The rules of a list `allow`; `scope.path` is the list's. Prefixes keep their variables. */
export function buildPermissions(
  allow: readonly AllowInput[],
  scope: PermissionScope,
): readonly Permission[] {
  const { path, report } = scope
  const names = new Set<string>()
  return allow.map((rule, index) => {
    const at = [...path, index]
    if (rule.name !== undefined && names.has(rule.name)) {
      report.problem([...at, 'name'], `is there more than once: ${quote(rule.name)}`)
    }
    if (rule.name !== undefined) names.add(rule.name)
    return buildPermission(rule, { ...scope, path: at })
  })
}

/** One rule; `scope.path` is the rule's. Its prefix keeps its variables. */
export function buildPermission(allow: AllowInput, scope: PermissionScope): Permission {
  const { path, report, bucketNames } = scope
  const { name, maxSizeBytes, contentTypes, expiresInSecondsMax, networks } = allow
  const prefix = prefixOf(allow, scope)
  allow.buckets.forEach((bucket, index) => {
    if (bucketNames.has(bucket)) return
    const hint = didYouMean(bucket, bucketNames)
    report.problem([...path, 'buckets', index], `names no bucket: ${quote(bucket)}${hint}`)
  })
  contentTypes?.forEach((type, index) => {
    if (isEssence(type)) return
    report.problem([...path, 'contentTypes', index], 'must be a content type in lower case')
  })
  networks?.forEach((network, index) => {
    checkNetwork(network, [...path, 'networks', index], report)
  })
  return {
    ...(name !== undefined && { name }),
    operations: new Set(allow.operations),
    buckets: new Set(allow.buckets),
    prefix,
    ...(maxSizeBytes !== undefined && { maxSizeBytes }),
    ...(contentTypes !== undefined && { contentTypes: new Set(contentTypes) }),
    ...(expiresInSecondsMax !== undefined && { expiresInSecondsMax }),
    ...(networks !== undefined && { networks }),
  }
}

function prefixOf(allow: AllowInput, scope: PermissionScope): string {
  const { path, report } = scope
  const { prefix = '', wholeBucket = false } = allow
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
  checkVariables(prefix, { ...scope, path: [...path, 'prefix'] })
  return prefix
}

function checkVariables(
  prefix: string,
  { path, report, manyTenants = false }: PermissionScope,
): void {
  if (/[{}]/.test(prefix.replace(/\{(?:tenant|user)\}/g, ''))) {
    report.problem(path, 'can hold the variables {tenant} and {user} only')
  } else if (!keepsOwnersApart(prefix)) {
    report.problem(path, 'must have {tenant} and {user} alone between slashes')
  } else if (manyTenants && prefix.includes('{user}') && !prefix.includes('{tenant}')) {
    report.problem(path, 'must hold {tenant} too: users of two tenants may have the same id')
  }
}

function checkNetwork(network: string, path: Path, report: Report): void {
  try {
    parseNetworks([network])
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    report.problem(path, error.message)
  }
}
