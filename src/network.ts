import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** Networks as they are matched: an address and how many of its leading bits count. */
export type Networks = readonly (readonly [Address, number])[]

/** What one subscriber owns whole, and may change its address within (RFC 6177). */
const IPV6_NETWORK_BITS = 64
/** Eight groups, the last two of them as IPv4: longer text is no address and is not looked into. */
const MAX_ADDRESS_LENGTH = 45
/** IPv4 addresses as IPv6 sockets tell them (RFC 4291, section 2.5.5.2). */
const MAPPED = [ipaddr.IPv6.parse('::ffff:0:0'), 96] as const
/** IPv4 clients as a translator shows them to servers of IPv6 alone (RFC 6052, section 2.1). */
const TRANSLATED = [ipaddr.IPv6.parse('64:ff9b::'), 96] as const

/**
 * The one spelling of an IP address, or `undefined` for text that is none. IPv4 has four decimal numbers
 * without leading zeros, which other readers take for octal; IPv6 is written as RFC 5952 has it; an
 * IPv4-mapped one is the IPv4 address; a zone (`%eth0`) is dropped, for it means something here alone.
 */
export function parseAddress(text: string): string | undefined {
  return read(text)?.toString()
}

/**
 * What attempts are counted for: an IPv4 address, mapped and translated (`64:ff9b::/96`) ones too, for all
 * of IPv4 is in one network of those; of IPv6 the /64. One spelling each, without a space. Text that is no
 * address is a network of its own.
 */
export function networkOf(address: string): string {
  const known = read(address)
  if (known === undefined) return address
  const parsed = ipv4In(known, TRANSLATED)
  if (parsed.kind() === 'ipv4') return parsed.toString()
  return `${firstOf(parsed, IPV6_NETWORK_BITS)}/${IPV6_NETWORK_BITS}`
}

/**
 * Reads networks: `10.0.0.0/8`, `2001:db8::/32`, or an address alone. IPv4-mapped ones are the IPv4
 * network. Throws `RangeError` for the first that is none, or has bits behind its prefix; the message
 * goes on from the member's name and repeats nothing of the value.
 */
export function parseNetworks(list: readonly string[]): Networks {
  return list.map(parseNetwork)
}

/**
 * True if one of the networks holds the address; of none, and of text that is no address, false. An IPv4
 * address is in no IPv6 network: `::/0` is every IPv6 address and nothing else.
 */
export function isWithin(address: string, networks: Networks): boolean {
  if (networks.length === 0) return false
  const parsed = read(address)
  return parsed !== undefined && networks.some((network) => holds(network, parsed))
}

function parseNetwork(text: string): readonly [Address, number] {
  const [, base = '', prefix] = /^([0-9A-Fa-f:.]{2,45})(?:\/(0|[1-9][0-9]{0,2}))?$/.exec(text) ?? []
  const address = read(base, { keepMapped: true })
  const width = address?.kind() === 'ipv4' ? 32 : 128
  const bits = prefix === undefined ? width : Number(prefix)
  if (address === undefined || bits > width) {
    throw new RangeError('must be an address or a network, like 10.0.0.0/8 or 2001:db8::/32')
  }
  if (firstOf(address, bits).toString() !== address.toString()) {
    throw new RangeError('must have no bits set behind the length of its prefix')
  }
  const unmapped = unmap(address)
  // A shorter prefix of a mapped network has bits behind it and was refused above.
  return [unmapped, unmapped === address ? bits : bits - MAPPED[1]]
}

function holds([base, bits]: Networks[number], address: Address): boolean {
  return base.kind() === address.kind() && address.match(base, bits)
}

/** The first address of the network of so many bits that an address is in. */
function firstOf(address: Address, bits: number): Address {
  const bytes = address.toByteArray().map((byte, index) => {
    const kept = Math.min(8, Math.max(0, bits - index * 8))
    return byte & (0xff << (8 - kept))
  })
  return ipaddr.fromByteArray(bytes)
}

function read(text: string, { keepMapped = false } = {}): Address | undefined {
  const bare = text.split('%', 1)[0] ?? ''
  if (bare.length > MAX_ADDRESS_LENGTH) return undefined
  // The library also reads octal, hexadecimal and shortened IPv4, and `::1.2.3.4` as a mapped one, which
  // it is not (RFC 4291, section 2.5.5.1).
  const dotted = bare.slice(bare.lastIndexOf(':') + 1)
  const isIpv6 = bare.includes(':')
  if (dotted.includes('.') || !isIpv6) {
    if (!ipaddr.IPv4.isValidFourPartDecimal(dotted)) return undefined
  }
  if (!isIpv6) return ipaddr.IPv4.parse(dotted)
  if (bare === `::${dotted}` && dotted.includes('.')) return undefined
  if (!ipaddr.IPv6.isValid(bare)) return undefined
  const address = ipaddr.IPv6.parse(bare)
  return keepMapped ? address : unmap(address)
}

function unmap(address: Address): Address {
  return ipv4In(address, MAPPED)
}

/** The IPv4 address that an IPv6 one of this network stands for; any other as it is. */
function ipv4In(address: Address, network: readonly [ipaddr.IPv6, number]): Address {
  if (address.kind() === 'ipv4' || !address.match(...network)) return address
  return new ipaddr.IPv4(address.toByteArray().slice(-4))
}
