import { Secret } from '../secret.ts'
import { isLoopbackHost } from './address.ts'
import type {
  ConfiguredBucket,
  Durability,
  Environment,
  LedgerSettings,
  RedisState,
  StateSetting,
  TlsSetting,
} from './config.ts'
import { noSuchState, parseRedisUrl, type RedisUrl } from './redis-url.ts'
import type { Report } from './report.ts'
import { usualRetention } from './retention.ts'
import type { LedgerInput } from './schema-ledger.ts'

/** The members of `ledger` that say how to reach it. */
export type LedgerAccess = Partial<Pick<LedgerInput, 'username' | 'password' | 'tls'>>

const DEFAULT_JOURNAL = './data/journal.db'
const COMMAND_TIMEOUT_MS = 250
const WAIT_TIMEOUT_MS = 150
const CONNECT_TIMEOUT_MS = 1_000
/** WAIT must end well before the command that it is: else its answer is never heard. */
const WAIT_SHARE = 0.6

/** What only a ledger on Redis has. */
const REDIS_ONLY = [
  'durability',
  'replicas',
  'journal',
  'username',
  'password',
  'sentinelUsername',
  'sentinelPassword',
  'tls',
  'commandTimeoutMs',
  'waitTimeoutMs',
  'connectTimeoutMs',
  'gateways',
] as const

/**
 * `state`, with what `ledger` says on reaching it. Reports every part of a URL that is wrong.
 * `undefined`: it names no kind of ledger.
 */
export function buildState(
  text: string,
  access: LedgerAccess,
  { environment, report }: { environment: Environment; report: Report },
): StateSetting | undefined {
  if (text === 'memory:') {
    if (environment === 'production') {
      report.warn(['state'], 'is kept in memory: a restart forgets all quotas')
    }
    return { kind: 'memory' }
  }
  if (text === 'durable-objects:') return { kind: 'durable-objects' }
  const path = /^sqlite:(.+)$/s.exec(text)?.[1]
  if (path !== undefined) return { kind: 'sqlite', path }
  const parsed = parseRedisUrl(text)
  if (parsed === undefined) {
    report.problem(['state'], noSuchState(text))
    return undefined
  }
  for (const problem of parsed.problems) report.problem(['state'], problem)
  const state = redisState(parsed.url, access, report)
  if (environment === 'production' && state.tls === undefined && leavesMachine(state)) {
    report.warn(['state'], 'is reached without TLS: use rediss:// or "ledger.tls"')
  }
  return state
}

/**
 * `ledger`, for the place where it lives and uploads to these buckets. Reports what has no meaning there.
 */
export function buildLedger(
  state: StateSetting,
  input: LedgerInput,
  { buckets, report }: { buckets: Iterable<ConfiguredBucket>; report: Report },
): LedgerSettings {
  const { commandTimeoutMs = COMMAND_TIMEOUT_MS, whenAway } = input
  const waitDefault = Math.min(WAIT_TIMEOUT_MS, Math.floor(commandTimeoutMs * WAIT_SHARE))
  const { waitTimeoutMs = waitDefault } = input
  const common = {
    commandTimeoutMs,
    waitTimeoutMs,
    connectTimeoutMs: input.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    gateways: input.gateways ?? 1,
    whenAway,
  }
  if (state.kind !== 'redis') {
    for (const name of REDIS_ONLY) {
      if (input[name] === undefined) continue
      report.problem(['ledger', name], `has a meaning on Redis alone, not for ${state.kind}:`)
    }
    const { retentionHours = usualRetention('disk', buckets) } = input
    return { ...common, retentionHours, durability: 'disk', replicas: 0 }
  }
  if (waitTimeoutMs >= commandTimeoutMs) {
    report.problem(
      ['ledger', 'waitTimeoutMs'],
      `must be below "commandTimeoutMs", which is ${commandTimeoutMs}`,
    )
  }
  const promises = promisesOf(state, input, report)
  const { retentionHours = usualRetention(promises.durability, buckets) } = input
  return {
    ...common,
    retentionHours,
    ...promises,
    ...sentinelAccess(state, input, report),
  }
}

function redisState(url: RedisUrl, access: LedgerAccess, report: Report): RedisState {
  const { topology, nodes, masterName, database } = url
  const { username, password } = access
  if (url.username !== undefined && username !== undefined) {
    report.problem(['ledger', 'username'], 'must be left out: the URL in "state" has a user name')
  }
  if (url.password !== undefined && password !== undefined) {
    report.problem(['ledger', 'password'], 'must be left out: the URL in "state" has a password')
  }
  if (password === '') report.problem(['ledger', 'password'], 'is empty')
  const user = url.username ?? username
  const secret = url.password ?? password
  if (user !== undefined && secret === undefined) {
    report.problem(['ledger', 'password'], 'is required beside a user name')
  }
  return {
    kind: 'redis',
    topology,
    nodes,
    ...(masterName !== undefined && { masterName }),
    database,
    ...(user !== undefined && { username: user }),
    ...(secret !== undefined && { password: new Secret(secret) }),
    tls: tlsOf(access.tls, report) ?? (url.isEncrypted ? {} : undefined),
  }
}

function tlsOf(input: LedgerInput['tls'], report: Report): TlsSetting | undefined {
  if (input === undefined) return undefined
  const { ca, cert, key, serverName } = input
  const kinds = { ca: 'CERTIFICATE', cert: 'CERTIFICATE', key: 'PRIVATE KEY' } as const
  for (const name of ['ca', 'cert', 'key'] as const) {
    const pem = input[name]
    if (pem === undefined || pem.includes(`${kinds[name]}-----`)) continue
    report.problem(['ledger', 'tls', name], `must name a PEM file with a ${kinds[name]}`)
  }
  if (cert !== undefined && key === undefined) {
    report.problem(['ledger', 'tls', 'key'], 'is required beside "cert"')
  }
  if (key !== undefined && cert === undefined) {
    report.problem(['ledger', 'tls', 'cert'], 'is required beside "key"')
  }
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key: new Secret(key) }),
    ...(serverName !== undefined && { serverName }),
  }
}

function promisesOf(
  { topology }: RedisState,
  input: LedgerInput,
  report: Report,
): Pick<LedgerSettings, 'durability' | 'replicas' | 'journal'> {
  const usual = topology === 'single' ? 0 : 1
  const durability: Durability =
    input.durability ?? ((input.replicas ?? usual) > 0 ? 'strict' : 'disk')
  const replicas = input.replicas ?? (durability === 'strict' ? usual : 0)
  if (durability === 'strict' && replicas === 0) {
    report.problem(['ledger', 'replicas'], 'must be at least 1 for "durability: strict"')
  } else if (durability !== 'strict' && replicas > 0) {
    report.problem(['ledger', 'replicas'], 'has a meaning for "durability: strict" alone')
  }
  if (durability === 'disk' && topology !== 'single') {
    report.warn(
      ['ledger', 'durability'],
      'is disk, of which a promoted replica may know nothing: use strict with all replicas',
    )
  }
  if (durability !== 'async' && input.journal !== undefined) {
    report.problem(['ledger', 'journal'], 'has a meaning for "durability: async" alone')
  }
  const { journal = DEFAULT_JOURNAL } = input
  return { durability, replicas, ...(durability === 'async' && { journal }) }
}

function sentinelAccess(
  { topology }: RedisState,
  { sentinelUsername, sentinelPassword }: LedgerInput,
  report: Report,
): Pick<LedgerSettings, 'sentinelUsername' | 'sentinelPassword'> {
  for (const [name, value] of Object.entries({ sentinelUsername, sentinelPassword })) {
    if (value === undefined || topology === 'sentinel') continue
    report.problem(['ledger', name], 'has a meaning for redis+sentinel: alone')
  }
  if (sentinelPassword === '') report.problem(['ledger', 'sentinelPassword'], 'is empty')
  if (sentinelUsername !== undefined && sentinelPassword === undefined) {
    report.problem(['ledger', 'sentinelPassword'], 'is required beside "sentinelUsername"')
  }
  return {
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword !== undefined && { sentinelPassword: new Secret(sentinelPassword) }),
  }
}

function leavesMachine({ nodes }: RedisState): boolean {
  return nodes.some(({ host }) => !isLoopbackHost(host))
}
