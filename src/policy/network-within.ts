import type { Networks } from '../network.ts'

type Network = Networks[number] | undefined

/** Whether every address of a network is in another one. */
export function isNetworkWithin(network: Network, outer: Network): boolean {
  if (network === undefined || outer === undefined) return false
  const [address, bits] = network
  const [outerAddress, outerBits] = outer
  return (
    address.kind() === outerAddress.kind() &&
    bits >= outerBits &&
    address.match(outerAddress, outerBits)
  )
}
