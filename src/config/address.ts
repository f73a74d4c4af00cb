import type { ListenAddress } from './config.ts'

/** Scheme, host and port of a URL that has nothing else. */
export interface Origin {
  /** As browsers write it: lower case, default port left out, no slash at the end. */
  readonly text: string
  readonly isEncrypted: boolean
  /** True for hosts that never leave the machine. */
  readonly isLoopback: boolean
  /** True for an IP address, which no bucket name can be put before. */
  readonly isAddress: boolean
}

/** Reads `host:port`, `[address]:port` or `:port`; `undefined` for anything else. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]*)):([0-9]{1,5})$/.exec(text)
  if (match === null) return undefined
  const [, bracketed, plain = ''] = match
  const port = Number(match[3])
  if (port > 65_535) return undefined
  const host = bracketed ?? plain
  return { host: host === '' ? undefined : host, port }
}

/** True when an address takes connections from this machine alone. */
export function isLoopbackHost(host: string | undefined): boolean {
  if (host === undefined) return false
  return host === 'localhost' || host === '::1' || /^127(?:\.[0-9]{1,3}){3}$/.test(host)
}

/**
 * Reads an `http:` or `https:` origin; one slash at its end is the same origin. Text: what is wrong,
 * as a clause that goes on from the member's name and repeats nothing of the value.
 */
export function parseOrigin(text: string): Origin | string {
  // Such characters are dropped or turned by URL parsers, and would hide another host.
  if (!/^[!-~]+$/.test(text) || text.includes('\\')) return 'must be an origin in plain ASCII'
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    return 'must be an origin like https://s3.example.com'
  }
  if (text.includes('@')) return 'must not hold a user name or password'
  if (text.includes('?')) return 'must not have a query'
  if (text.includes('#')) return 'must not have a fragment'
  if (text.includes('*')) return 'must name one host: wildcards are not taken'
  const [, authority = ''] = /^https?:\/\/([^/]+)\/?$/i.exec(text) ?? []
  if (authority === '') return 'must not have a path'
  if (authority.toLowerCase() !== url.host && !/:(?:80|443)$/.test(authority)) {
    return 'must name its host in the usual form'
  }
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return {
    text: url.origin,
    isEncrypted: url.protocol === 'https:',
    isLoopback: isLoopbackHost(host) || host.endsWith('.localhost'),
    isAddress: host.includes(':') || /^[0-9.]+$/.test(host),
  }
}
