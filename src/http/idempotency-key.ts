import { GatewayError } from '../errors.ts'
import type { RouteCall } from './route.ts'

/** What the header means, for the OpenAPI document. */
export const IDEMPOTENCY_KEY =
  'Visible ASCII, 1 to 255 characters: the same key and body is the same upload, charged once'

/** Any visible ASCII, 1 to 255 characters. Throws `InvalidRequest`. */
export function idempotencyKeyOf({ http }: RouteCall): string | undefined {
  const value = http.req.raw.headers.get('idempotency-key')
  if (value === null) return undefined
  if (/^[!-~]{1,255}$/.test(value)) return value
  throw new GatewayError(
    'InvalidRequest',
    'Cannot accept the idempotency key: it must be 1 to 255 visible ASCII characters',
    { fields: [{ path: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters' }] },
  )
}
