import type {
  AdminIssuer,
  ClaimCondition,
  ClaimMapping,
  ClaimPath,
  Issuer,
  IssuerRule,
} from '../auth/jwt/issuer.ts'
import { buildPermissions } from './build-permission.ts'
import { buildTokenIssuer } from './build-token-issuer.ts'
import type { Environment } from './config.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import type { AdminInput, ConditionInput, IssuerInput, MappingInput } from './schema-issuers.ts'

interface Scope {
  readonly environment: Environment
  readonly report: Report
}

/** One of `issuers`. */
export function buildIssuer(
  name: string,
  input: IssuerInput,
  scope: Scope & { readonly bucketNames: ReadonlySet<string> },
): Issuer {
  const path: Path = ['issuers', name]
  const { report } = scope
  return {
    ...buildTokenIssuer(name, input, { ...scope, path }),
    mandatory: input.mandatory,
    require: conditions(input.require, [...path, 'require'], report),
    tenant: mapping(input.tenant, [...path, 'tenant'], report),
    user: mapping(input.user, [...path, 'user'], report),
    ...(input.plan !== undefined && { plan: mapping(input.plan, [...path, 'plan'], report) }),
    rules: rules(input, { ...scope, path }),
  }
}

/** `admin.oidc`. */
export function buildAdminIssuer(
  input: NonNullable<AdminInput['oidc']>,
  scope: Scope,
): AdminIssuer {
  const path: Path = ['admin', 'oidc']
  const { report } = scope
  return {
    ...buildTokenIssuer(input.name, input, { ...scope, path }),
    require: conditions(input.require, [...path, 'require'], report),
    roles: input.roles.map(({ role, when }, index) => {
      const at = [...path, 'roles', index, 'when']
      // Issuers put some claims into each token, whatever they say there.
      if (when.value === undefined && when.word === undefined) {
        report.problem(at, 'must say more than that the claim is there: add "value" or "word"')
      }
      return { role, when: condition(when, at, report) }
    }),
  }
}

function rules(
  { allow, tenant }: IssuerInput,
  { bucketNames, report, path }: PathScope,
): readonly IssuerRule[] {
  const at = [...path, 'allow']
  const permissions = buildPermissions(allow, {
    bucketNames,
    report,
    path: at,
    manyTenants: typeof tenant !== 'string',
  })
  return permissions.map((permission, index) => ({
    permission,
    when: conditions(allow[index]?.when ?? [], [...at, index, 'when'], report),
  }))
}

interface PathScope extends Scope {
  readonly bucketNames: ReadonlySet<string>
  readonly path: Path
}

function conditions(
  inputs: readonly ConditionInput[],
  path: Path,
  report: Report,
): readonly ClaimCondition[] {
  return inputs.map((input, index) => condition(input, [...path, index], report))
}

function condition(
  { claim, value, word }: ConditionInput,
  path: Path,
  report: Report,
): ClaimCondition {
  if (value !== undefined && word !== undefined) {
    report.problem([...path, 'word'], 'goes without "value" only')
  }
  return {
    claim: claimPath(claim, [...path, 'claim'], report),
    ...(value !== undefined && { value }),
    ...(word !== undefined && { word }),
  }
}

function mapping(input: MappingInput, path: Path, report: Report): ClaimMapping {
  if (typeof input === 'string') return { fixed: input }
  const { claim, prefix, map } = input
  return {
    claim: claimPath(claim, [...path, 'claim'], report),
    prefix,
    ...(map !== undefined && { map: new Map(Object.entries(map)) }),
  }
}

function claimPath(claim: string | readonly string[], path: Path, report: Report): ClaimPath {
  if (typeof claim !== 'string') return claim
  const names = claim.split('.')
  if (names.includes('')) {
    report.problem(path, 'must be names joined by dots; write one with a dot in it as a list')
  }
  return names
}
