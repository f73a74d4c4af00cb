import type { RedisNode, RedisTopology } from './config.ts'
import { didYouMean } from './suggest.ts'

/** What a Redis URL says. */
export interface RedisUrl {
  readonly topology: RedisTopology
  /** True for `rediss:` and its kin. */
  readonly isEncrypted: boolean
  /** At least one when there are no problems. */
  readonly nodes: readonly RedisNode[]
  readonly masterName: string | undefined
  /** 0 to 9,999; default 0. */
  readonly database: number
  /** Percent-decoded; `undefined` when the URL has none. */
  readonly username: string | undefined
  /** Percent-decoded: wrap it before it goes anywhere. `undefined` when the URL has none. */
  readonly password: string | undefined
}

/** A URL as far as it could be read, and clauses on all that is wrong, which repeat no value. */
export interface ParsedRedisUrl {
  readonly url: RedisUrl
  readonly problems: readonly string[]
}

const DEFAULT_PORTS: Readonly<Record<RedisTopology, number>> = {
  single: 6379,
  sentinel: 26_379,
  cluster: 6379,
}
const SCHEMES = ['redis', 'rediss'].flatMap((name) => [name, `${name}+sentinel`, `${name}+cluster`])
const STATE_WORDS = ['memory', 'sqlite', 'durable-objects', ...SCHEMES]
const MAX_NODES = 64
const MAX_DATABASE = 9_999

/** Why a text is no place for the ledger, as a clause, with the word that was probably meant. */
export function noSuchState(text: string): string {
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*/.exec(text)?.[0] ?? ''
  const hint = didYouMean(scheme, STATE_WORDS)
  return `must be memory:, sqlite:PATH, durable-objects: or a URL of Redis like rediss://host:6379${hint}`
}

/**
 * Reads `redis://[user[:password]@]host[:port][/db]`, `redis+sentinel://h1[:26379],h2/NAME[/db]`,
 * `redis+cluster://h1[:6379],h2`, and the same with `rediss` for TLS. IPv6 addresses stand in
 * brackets. `undefined` for any other scheme.
 */
export function parseRedisUrl(text: string): ParsedRedisUrl | undefined {
  const match = /^([a-z+]+):(.*)$/s.exec(text)
  const [, scheme = '', after = ''] = match ?? []
  if (!SCHEMES.includes(scheme)) return undefined
  const problems: string[] = []
  const topology = topologyOf(scheme)
  const rest = plainPart(after, problems)
  const slash = rest.indexOf('/')
  const authority = slash === -1 ? rest : rest.slice(0, slash)
  const path = slash === -1 ? [] : rest.slice(slash + 1).split('/')
  const at = authority.lastIndexOf('@')
  const user = at === -1 ? {} : readUser(authority.slice(0, at), problems)
  const nodes = readNodes(authority.slice(at + 1), topology, problems)
  return {
    url: {
      topology,
      isEncrypted: scheme.startsWith('rediss'),
      nodes,
      ...readPath(path, topology, problems),
      username: user.username,
      password: user.password,
    },
    problems,
  }
}

function topologyOf(scheme: string): RedisTopology {
  if (scheme.endsWith('+sentinel')) return 'sentinel'
  return scheme.endsWith('+cluster') ? 'cluster' : 'single'
}

/** What stands between `//` and a query or fragment, which are both refused. */
function plainPart(after: string, problems: string[]): string {
  if (!after.startsWith('//')) problems.push('must have "//" after the scheme')
  if (!/^[!-~]*$/.test(after)) problems.push('must be printable ASCII without spaces')
  const [beforeFragment = '', ...fragment] = after.replace(/^\/{0,2}/, '').split('#')
  const [plain = '', ...query] = beforeFragment.split('?')
  if (query.length > 0) problems.push('must not have a query; in a password "?" is %3F')
  if (fragment.length > 0) problems.push('must not have a fragment; in a password "#" is %23')
  return plain
}

function readUser(
  text: string,
  problems: string[],
): { username?: string | undefined; password?: string | undefined } {
  if (text.includes('@')) problems.push('must have "@" as %40 in its user name and password')
  const colon = text.indexOf(':')
  const name = colon === -1 ? text : text.slice(0, colon)
  const username = decoded(name, 'user name', problems)
  if (colon === -1) {
    if (username === '') problems.push('has nothing before "@"')
    return username === '' ? {} : { username }
  }
  const password = decoded(text.slice(colon + 1), 'password', problems)
  if (colon === text.length - 1) problems.push('has an empty password')
  return { username: username === '' ? undefined : username, password }
}

function decoded(text: string, what: string, problems: string[]): string {
  try {
    return decodeURIComponent(text)
  } catch {
    problems.push(`must have "%" as %25 in its ${what}`)
    return ''
  }
}

function readNodes(text: string, topology: RedisTopology, problems: string[]): RedisNode[] {
  const parts = text.split(',')
  if (topology === 'single' && parts.length > 1) {
    problems.push('must name one host; several need redis+sentinel:// or redis+cluster://')
    return []
  }
  if (parts.length > MAX_NODES) problems.push(`must name at most ${MAX_NODES} hosts`)
  const nodes: RedisNode[] = []
  parts.slice(0, MAX_NODES).forEach((part, index) => {
    const which = parts.length === 1 ? '' : ` (host ${index + 1})`
    const node = readNode(part, DEFAULT_PORTS[topology])
    if (typeof node === 'string') {
      problems.push(`${node}${which}`)
    } else if (nodes.some(({ host, port }) => host === node.host && port === node.port)) {
      problems.push(`names a host twice${which}`)
    } else {
      nodes.push(node)
    }
  })
  return nodes
}

/** A node, or what is wrong with it. */
function readNode(text: string, defaultPort: number): RedisNode | string {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text)
  if (bracketed === null && text.split(':').length > 2) {
    return 'must have an IPv6 address in brackets'
  }
  const [, host = '', port] = bracketed ?? /^([^:]*)(?::(.*))?$/.exec(text) ?? []
  if (host === '') return 'has an empty host'
  const isHost =
    bracketed === null
      ? /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})$/.test(host) && URL.canParse(`http://${host}`)
      : /^[0-9A-Fa-f:.]+$/.test(host) && URL.canParse(`http://[${host}]`)
  if (!isHost) return 'has a host that is no name and no address'
  const isPort = port === undefined || (/^[0-9]{1,5}$/.test(port) && inRange(Number(port)))
  if (!isPort) return 'must have a port from 1 to 65535'
  return { host: host.toLowerCase(), port: port === undefined ? defaultPort : Number(port) }
}

function inRange(port: number): boolean {
  return port >= 1 && port <= 65_535
}

function readPath(
  path: readonly string[],
  topology: RedisTopology,
  problems: string[],
): Pick<RedisUrl, 'masterName' | 'database'> {
  const nothing = { masterName: undefined, database: 0 }
  if (topology === 'cluster') {
    if (path.join('') !== '') problems.push('must not name a database: a cluster has one')
    return nothing
  }
  const [masterName = '', number = '', ...more] = topology === 'single' ? ['-', ...path] : path
  if (masterName === '') {
    problems.push('must name the master behind the hosts, as in /NAME')
  } else if (!/^[A-Za-z0-9._-]{1,128}$/.test(masterName)) {
    problems.push('must name its master with A-Z, a-z, 0-9, ".", "_" and "-"')
  }
  if (!/^[0-9]{0,4}$/.test(number) || more.length > 0) {
    problems.push(`must end with the number of a database, 0 to ${MAX_DATABASE}, or without one`)
    return nothing
  }
  return {
    masterName: topology === 'single' ? undefined : masterName,
    database: Number(number),
  }
}
