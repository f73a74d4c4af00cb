import { clientAddress } from '../auth/client-address.ts'
import type { Permission, Principal } from '../auth/principal.ts'
import type { AppContext } from './app-context.ts'
import type { HttpContext } from './route.ts'

/**
 * The address a request comes from, in one spelling; `undefined` where the runtime does not know its
 * peers. `X-Forwarded-For` is read only if a trusted proxy sent it; no other header says anything about it.
 */
export function clientAddressOf(
  context: Pick<AppContext, 'config' | 'remoteAddressOf'>,
  http: HttpContext,
): string | undefined {
  const { trustedProxies } = context.config.server
  const peer = context.remoteAddressOf?.(http.env)
  const forwardedFor =
    trustedProxies.length > 0 ? http.req.raw.headers.get('x-forwarded-for') : null
  return clientAddress({ peer, forwardedFor, trustedProxies })
}

/** The principal with the address it asks from, if one of its rules or of its tenant's looks at that. */
export function withAddress(
  context: Pick<AppContext, 'config' | 'remoteAddressOf'>,
  http: HttpContext,
  principal: Principal,
): Principal {
  const { permissions, ceiling = [] } = principal
  if (!permissions.some(asksForAddress) && !ceiling.some(asksForAddress)) return principal
  const address = clientAddressOf(context, http)
  return address === undefined ? principal : { ...principal, address }
}

function asksForAddress({ networks }: Permission): boolean {
  return networks !== undefined
}
