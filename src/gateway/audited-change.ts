import type { AuditEvent } from '../audit/port.ts'
import { toTimestamp } from '../clock.ts'
import { codeOf, isUnrecorded, recordOrLog } from './audit-events.ts'
import type { GatewayContext } from './context.ts'

/** A change by the admin API, for the audit log. */
export interface AdminChange {
  /** Who: "token", or issuer and subject. */
  readonly admin: string
  /** The operation of the admin API, like `putTenant`. */
  readonly action: string
  /** What is changed, like `tenants/acme/keys/k1`; ids as they are in paths. */
  readonly resource: string
  readonly requestId: string
  /** Whose it is, so that a tenant's or user's history is found. */
  readonly tenant?: string
  readonly user?: string
  readonly keyId?: string
}

/**
 * Makes a change that is recorded before (`admin.change_requested`) and after (`admin.changed`, or
 * `admin.refused` with the code): what cannot be recorded is not made. Throws `Overloaded` for the sink,
 * and what `make` throws. An `admin.changed` that is lost is logged, for the change is made.
 */
export async function auditedChange<Result>(
  context: Pick<GatewayContext, 'audit' | 'clock' | 'log'>,
  change: AdminChange,
  make: () => Promise<Result>,
): Promise<Result> {
  const eventOf = (event: AuditEvent['event']): AuditEvent => ({
    event,
    at: toTimestamp(context.clock.nowMs()),
    ...change,
  })
  await context.audit.append(eventOf('admin.change_requested'))
  let result: Result
  try {
    result = await make()
  } catch (error) {
    if (isUnrecorded(error)) {
      await recordOrLog(context, { ...eventOf('admin.refused'), code: codeOf(error) })
    }
    throw error
  }
  await recordOrLog(context, eventOf('admin.changed'))
  return result
}

/** A resource's path from ids, each as it is in the path of a URL. */
export function resourceOf(...steps: readonly string[]): string {
  return steps.map(encodeURIComponent).join('/')
}
