import { isWithin, type Networks, parseAddress } from '../network.ts'

/** How a request came in, as far as addresses go. */
export interface Arrival {
  /** The other end of the connection, where the runtime knows it. */
  readonly peer: string | undefined
  /** `X-Forwarded-For` as received: repeated ones joined by a comma, the latest hop last. */
  readonly forwardedFor: string | null
  readonly trustedProxies: Networks
}

/** Hops that are looked at, from the gateway outwards. What stands before them counts for nothing. */
const MAX_HOPS = 16

/**
 * Whose request it is: the peer, or, where the peer is a trusted proxy, the last address in
 * `X-Forwarded-For` that is none. All that stands before it was written by who cannot be believed. A
 * hop that is no address hides what is before it, and the proxy that told it counts; so does the outermost
 * trusted one if there is no other. In `parseAddress`' spelling; `undefined` where nobody knows the peer.
 */
export function clientAddress({ peer, forwardedFor, trustedProxies }: Arrival): string | undefined {
  let address = peer === undefined ? undefined : parseAddress(peer)
  let rest = forwardedFor ?? ''
  for (let hop = 0; hop < MAX_HOPS; hop += 1) {
    if (address === undefined || rest === '' || !isWithin(address, trustedProxies)) break
    const comma = rest.lastIndexOf(',')
    const before = addressOfHop(rest.slice(comma + 1).trim())
    if (before === undefined) break
    address = before
    rest = rest.slice(0, Math.max(0, comma))
  }
  return address
}

/** Some proxies write the port, too: `203.0.113.7:49152` or `[2001:db8::1]:49152`. */
function addressOfHop(text: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([^:]+))(?::[0-9]{1,5})?$/.exec(text) ?? []
  if (bracketed !== undefined && !bracketed.includes(':')) return undefined
  return parseAddress(bracketed ?? plain ?? text)
}
