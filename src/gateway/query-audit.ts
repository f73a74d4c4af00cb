import { AUDIT_FILTERS, type AuditEvent, type AuditQuery } from '../audit/port.ts'
import type { GatewayContext } from './context.ts'
import { openCursor, sealCursor } from './cursor.ts'

/** What an operator looks for in the audit log. */
export interface QueryAuditRequest extends Omit<AuditQuery, 'after'> {
  /** Of the page before. */
  readonly cursor?: string | undefined
}

/** A page may have fewer events than its limit, even none, and still a cursor. */
export interface FoundEvents {
  readonly events: readonly AuditEvent[]
  readonly nextCursor?: string
}

/**
 * A page of the audit log, newest first. Throws `InvalidRequest` for a cursor that is forged or of another
 * query, `NoSuchRoute` for a log that is not kept, `AuditUnavailable` for one that does not answer.
 */
export async function queryAudit(
  context: Pick<GatewayContext, 'audit' | 'hashing' | 'cursorKeys'>,
  { cursor, limit, ...filters }: QueryAuditRequest,
): Promise<FoundEvents> {
  const members = AUDIT_FILTERS.map((name) => [name, filters[name]])
  const { sinceMs, untilMs } = filters
  const scope = ['audit', JSON.stringify({ ...Object.fromEntries(members), sinceMs, untilMs })]
  const after = cursor === undefined ? undefined : openCursor(context, scope, cursor)
  const page = await context.audit.query({
    ...filters,
    limit,
    ...(after !== undefined && { after }),
  })
  return {
    events: page.events,
    ...(page.next !== undefined && { nextCursor: sealCursor(context, scope, page.next) }),
  }
}
