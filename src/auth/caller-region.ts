import { isWithin, type Networks, parseAddress } from '../network.ts'

/** How the region of a caller is known. */
export interface CallerRegionRules {
  /** Lower-case header in which trusted proxies tell it; absent: none is read. */
  readonly header?: string
  /** Networks of callers, by region in lower case; the first that holds the address counts. */
  readonly networks: ReadonlyMap<string, Networks>
}

/** What is known of where a request comes from. */
export interface CallerWhereabouts {
  /** As `clientAddress` has it. */
  readonly address: string | undefined
  /** The other end of the connection. */
  readonly peer: string | undefined
  /** Value of `CallerRegionRules.header`. */
  readonly told: string | null
  readonly trustedProxies: Networks
}

/** The form of a region's name, in lower case. */
const REGION = /^[a-z0-9][a-z0-9._-]{0,62}$/

/**
 * The region of a caller in lower case: what a trusted proxy tells in the header, else the network that the
 * address lies in. A header that comes from anybody else is not looked at. `undefined`: not known.
 */
export function callerRegion(
  { networks }: CallerRegionRules,
  { address, peer, told, trustedProxies }: CallerWhereabouts,
): string | undefined {
  const named = told?.trim().toLowerCase()
  const proxy = peer === undefined ? undefined : parseAddress(peer)
  if (named !== undefined && REGION.test(named) && proxy !== undefined) {
    if (isWithin(proxy, trustedProxies)) return named
  }
  if (address === undefined) return undefined
  for (const [region, within] of networks) if (isWithin(address, within)) return region
  return undefined
}
