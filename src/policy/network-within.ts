import { parseNetworks } from '../network.ts'

/**
 * Whether every address of a network is in another one, both as `parseNetworks` reads them. Throws
 * `RangeError` for what is no network.
 */
export function isNetworkWithin(network: string, outer: string): boolean {
  const [inner, around] = parseNetworks([network, outer])
  if (inner === undefined || around === undefined) return false
  const [address, bits] = inner
  const [outerAddress, outerBits] = around
  return (
    address.kind() === outerAddress.kind() &&
    bits >= outerBits &&
    address.match(outerAddress, outerBits)
  )
}
