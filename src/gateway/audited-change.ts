import type { AuditEvent } from '../audit/port.ts'
import { toTimestamp } from '../clock.ts'
import { GatewayError } from '../errors.ts'
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
  /** Which members, and what some of them are to be. */
  readonly changed?: NonNullable<AuditEvent['changed']>
  readonly values?: NonNullable<AuditEvent['values']>
}

/**
 * Makes a change that is recorded before (`admin.change_requested`) and after: what cannot be recorded is
 * not made. `admin.changed`; `admin.refused` with the code; or `admin.unknown`, where `make` throws
 * `LedgerUnavailable`: it may be made or not, and the error that is thrown instead says so. Answers the
 * version after the change, which `make` answers and `admin.changed` has. Throws
 * `Overloaded` for the sink, and what `make` throws. An `admin.changed` that is lost is logged, for the
 * change is made.
 */
export async function auditedChange(
  context: Pick<GatewayContext, 'audit' | 'clock' | 'log'>,
  change: AdminChange,
  make: () => Promise<number>,
): Promise<number> {
  const eventOf = (event: AuditEvent['event']): AuditEvent => ({
    event,
    at: toTimestamp(context.clock.nowMs()),
    ...change,
  })
  await context.audit.append(eventOf('admin.change_requested'))
  let version: number
  try {
    version = await make()
  } catch (error) {
    const code = codeOf(error)
    const isUnknown = code === 'LedgerUnavailable'
    if (isUnrecorded(error)) {
      const event = isUnknown ? 'admin.unknown' : 'admin.refused'
      await recordOrLog(context, { ...eventOf(event), code })
    }
    throw isUnknown ? unknownOutcome(change, error) : error
  }
  await recordOrLog(context, { ...eventOf('admin.changed'), version })
  return version
}

/** The store may have taken the change before the answer was lost. */
function unknownOutcome({ resource }: AdminChange, cause: unknown): GatewayError {
  const error = new GatewayError(
    'LedgerUnavailable',
    `Cannot tell whether the change was made: the store gave no answer; look at "${resource}" before you repeat it`,
    { cause },
  )
  // It is the same failure, and recorded as it stands.
  isUnrecorded(error)
  return error
}

/** A resource's path from ids, each as it is in the path of a URL. */
export function resourceOf(...steps: readonly string[]): string {
  return steps.map(encodeURIComponent).join('/')
}
