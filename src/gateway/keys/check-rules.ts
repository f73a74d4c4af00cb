import type { Permission } from '../../auth/principal.ts'
import { buildPermissions } from '../../config/build-permission.ts'
import type { Path, Problem } from '../../config/problem.ts'
import type { Report } from '../../config/report.ts'
import type { AllowInput } from '../../config/schema-allow.ts'
import { type FieldProblem, GatewayError } from '../../errors.ts'
import { renderPermissions } from '../../policy/render-permissions.ts'
import { widerThan } from '../../policy/within-ceiling.ts'
import type { GatewayContext } from '../context.ts'

/** Problems that one error names. */
const MAX_FIELDS = 20

/**
 * Throws `InvalidRequest` for rules that the configuration file could not have either, and `AccessDenied`
 * for rules that allow more than the tenant's own: a child is never wider than its parent.
 */
export function checkRules(
  { live }: Pick<GatewayContext, 'live'>,
  { tenant, user }: { readonly tenant: string; readonly user: string },
  allow: readonly AllowInput[],
): void {
  const { buckets, tenants } = live.current
  const fields: FieldProblem[] = []
  const report = fieldReport(fields)
  const bucketNames = new Set(buckets.keys())
  const built = buildPermissions(allow, { bucketNames, report, path: ['allow'] })
  if (fields.length > 0) {
    throw new GatewayError('InvalidRequest', 'Cannot accept the rules: see allow', {
      fields: fields.slice(0, MAX_FIELDS),
    })
  }
  const ceiling = tenants.get(tenant)?.allow
  if (ceiling === undefined) return
  const rendered = (rules: readonly Permission[]) => renderPermissions(rules, { tenant, user })
  const wider = widerThan(rendered(ceiling), rendered(built))
  if (wider.length === 0) return
  throw new GatewayError('AccessDenied', "Cannot allow more than the tenant's own rules do", {
    fields: wider.slice(0, MAX_FIELDS).map(({ rule, member }) => ({
      path: `allow.${rule}.${member}`,
      message: "allows more than the tenant's own rules",
    })),
  })
}

/** Takes problems by the dotted paths that callers know from other errors. */
function fieldReport(fields: FieldProblem[]): Report {
  return {
    problem: (path: Path, message: Problem['message']) => {
      fields.push({ path: path.join('.'), message })
    },
    warn() {},
    settled() {},
    isSettled: () => false,
  }
}
