import type { AdminIssuer, ClaimMapping, Issuer } from '../auth/jwt/issuer.ts'
import { quote } from './problem.ts'
import type { Report } from './report.ts'

/**
 * Holds issuers against each other: a token says whose it is by `iss` alone, no token may be good for both
 * listeners, none of several issuers may speak for all tenants, and no two may mean the same user of a
 * tenant: who can choose a name at the one would have what is somebody else's at the other.
 */
export function checkIssuers(
  issuers: ReadonlyMap<string, Issuer>,
  { admin, report }: { readonly admin: AdminIssuer | undefined; readonly report: Report },
): void {
  const before: Issuer[] = []
  for (const one of issuers.values()) {
    const { name, issuer, audiences, tenant } = one
    const same = before.findLast((other) => other.issuer === issuer)
    if (same !== undefined) {
      report.problem(['issuers', name, 'issuer'], `is that of ${quote(same.name)} already`)
    }
    if (issuer === admin?.issuer && audiences.some((text) => admin.audiences.includes(text))) {
      const message = `is one of ${quote(name)}: no token may be good for both listeners`
      report.problem(['admin', 'oidc', 'audience'], message)
    }
    if (issuers.size > 1 && isAny(tenant)) {
      const message = 'lets this issuer speak for all tenants beside another one: add "map"'
      report.problem(['issuers', name, 'tenant'], message)
    }
    const alike = before.find(
      (other) => canMeet(tenant, other.tenant) && canMeet(one.user, other.user),
    )
    if (alike !== undefined) {
      const message = `can be a user of ${quote(alike.name)} in the same tenant: give both a "prefix"`
      report.problem(['issuers', name, 'user'], message)
    }
    before.push(one)
  }
}

function isAny(mapping: ClaimMapping): boolean {
  return 'claim' in mapping && mapping.map === undefined && (mapping.prefix ?? '') === ''
}

/** True when two mappings can give the same name. */
function canMeet(one: ClaimMapping, other: ClaimMapping): boolean {
  const [names, others] = [namesOf(one), namesOf(other)]
  if (names !== undefined && others !== undefined)
    return names.some((name) => others.includes(name))
  if (names !== undefined) return names.some((name) => name.startsWith(prefixOf(other)))
  if (others !== undefined) return others.some((name) => name.startsWith(prefixOf(one)))
  // Behind the shorter one a claim may say what the longer one begins with.
  return prefixOf(one).startsWith(prefixOf(other)) || prefixOf(other).startsWith(prefixOf(one))
}

/** All names that a mapping can give; `undefined`: whatever the claim says, behind its prefix. */
function namesOf(mapping: ClaimMapping): readonly string[] | undefined {
  if ('fixed' in mapping) return [mapping.fixed]
  return mapping.map && [...mapping.map.values()].map((name) => prefixOf(mapping) + name)
}

function prefixOf(mapping: ClaimMapping): string {
  return 'fixed' in mapping ? '' : (mapping.prefix ?? '')
}
