import { callerRegion } from '../auth/caller-region.ts'
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

/**
 * The principal with where it asks from, as far as that is looked at: its address, if one of its rules or of its
 * tenant's does, its region, if a placement does.
 */
export function withWhereabouts(
  context: Pick<AppContext, 'config' | 'remoteAddressOf'>,
  http: HttpContext,
  principal: Principal,
): Principal {
  const { permissions, ceiling = [] } = principal
  const forRules = permissions.some(asksForAddress) || ceiling.some(asksForAddress)
  const forPlacements = placesByRegion(context.config)
  if (!forRules && !forPlacements) return principal
  const address = clientAddressOf(context, http)
  const region = forPlacements ? regionOf(context, http, address) : undefined
  return {
    ...principal,
    ...(forRules && address !== undefined && { address }),
    ...(region !== undefined && { region }),
  }
}

function regionOf(
  context: Pick<AppContext, 'config' | 'remoteAddressOf'>,
  http: HttpContext,
  address: string | undefined,
): string | undefined {
  const { callerRegion: rules, trustedProxies } = context.config.server
  const told = rules.header === undefined ? null : http.req.raw.headers.get(rules.header)
  const peer = context.remoteAddressOf?.(http.env)
  return callerRegion(rules, { address, peer, told, trustedProxies })
}

/** By configuration: each is asked for all the time, and never changes. */
const answers = new WeakMap<AppContext['config'], boolean>()

function placesByRegion(config: AppContext['config']): boolean {
  const known = answers.get(config)
  if (known !== undefined) return known
  const answer = [...config.buckets.values()].some(({ placements }) =>
    placements.some(({ takes }) => takes?.regions !== undefined),
  )
  answers.set(config, answer)
  return answer
}

function asksForAddress({ networks }: Permission): boolean {
  return networks !== undefined
}
