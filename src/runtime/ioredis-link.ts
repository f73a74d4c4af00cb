import { isIP } from 'node:net'
import { type ConnectionOptions, checkServerIdentity } from 'node:tls'
import { type ChainableCommander, Command, Redis, type RedisOptions } from 'ioredis'
import type {
  ConnectLink,
  LinkEvents,
  LinkTarget,
  RedisArgument,
  RedisCommand,
  RedisLink,
  RedisResult,
  RedisTrouble,
} from '../ledger/redis/redis-link.ts'
import type { Secret } from '../secret.ts'
import { tlsMismatch } from './tls-mismatch.ts'
import { isUnselected, type RedisError, troubleOf } from './trouble-of.ts'

/** What a connection needs beside where it goes. */
export interface RedisAccess {
  readonly username?: string | undefined
  readonly password?: Secret | undefined
  readonly sentinelUsername?: string | undefined
  readonly sentinelPassword?: Secret | undefined
  readonly database: number
  readonly tls: ConnectionOptions | undefined
  readonly commandTimeoutMs: number
  readonly connectTimeoutMs: number
}

/** How long a connection may be silent while an answer is due, in milliseconds, at least. */
const SOCKET_TIMEOUT_MS = 1_000
/** A first connection that takes longer may be one to a server that waits for TLS, or for none. */
const ASK_AFTER_MS = 300
/** Until a connection that was given up is tried again, in milliseconds. */
const REVIVE_MS = 100
/** Until a server is asked again that did not let us into the database, in milliseconds. */
const RESELECT_MS = 1_000

/**
 * Links on ioredis, with the options of `ledger.md` section 9: nothing is queued, nothing is sent
 * twice. Time limits are our own.
 */
export function ioredisConnector(access: RedisAccess): ConnectLink {
  return (target, events, patience) => {
    const { timeoutMs = access.commandTimeoutMs } = patience ?? {}
    const own = { ...access, commandTimeoutMs: timeoutMs }
    return openLink(new Redis(optionsOf(own, target)), { ...events, ...own, target })
  }
}

function optionsOf(
  access: RedisAccess,
  target: LinkTarget,
): RedisOptions & { replyMapping: 'legacy' } {
  const { username, password, sentinelUsername, sentinelPassword, database, tls } = access
  return {
    protocol: 3,
    replyMapping: 'legacy',
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: true,
    enableAutoPipelining: false,
    // Never before a command may give up: the connection of a slow server is worth keeping.
    socketTimeout: Math.max(SOCKET_TIMEOUT_MS, 2 * access.commandTimeoutMs),
    connectTimeout: access.connectTimeoutMs,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 5), 1_000) + Math.random() * 100,
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 1 : false),
    connectionName: 'signet',
    db: database,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: password.reveal() }),
    ...(target.kind === 'server'
      ? { host: target.host, port: target.port, ...(tls && { tls: named(tls, target.host) }) }
      : {
          name: target.name,
          sentinels: target.nodes.map(({ host, port }) => ({ host, port })),
          sentinelCommandTimeout: access.connectTimeoutMs,
          sentinelRetryStrategy: (times: number) => Math.min(100 * times, 500),
          failoverDetector: true,
          ...(sentinelUsername !== undefined && { sentinelUsername }),
          ...(sentinelPassword !== undefined && { sentinelPassword: sentinelPassword.reveal() }),
          ...(tls !== undefined && {
            tls: named(tls),
            sentinelTLS: named(tls),
            enableTLSForSentinelMode: true,
          }),
        }),
  }
}

/**
 * TLS for a host, whose name the server is told unless another one is configured. An address is none
 * (RFC 6066 section 3): it is looked for in the certificate alone.
 */
function named(tls: ConnectionOptions, host = ''): ConnectionOptions {
  const { servername = host, ...others } = tls
  if (servername === '') return others
  if (isIP(servername) === 0) return { ...others, servername }
  return { ...others, checkServerIdentity: (_, cert) => checkServerIdentity(servername, cert) }
}

type LinkSetUp = Pick<RedisAccess, 'commandTimeoutMs' | 'tls'> & { readonly target: LinkTarget }

function openLink(
  redis: Redis,
  { onReady, onLost, onTrouble, commandTimeoutMs, target, tls }: LinkEvents & LinkSetUp,
): RedisLink {
  let trouble: RedisTrouble | undefined
  let wasReady = false
  let closing = false
  let askedFor = false
  /** False while the server has us in another database than the ledger's: nothing may go there. */
  let selected = true
  const isReady = () => redis.status === 'ready' && selected
  async function askForTls(): Promise<void> {
    if (askedFor || redis.status === 'ready' || closing || target.kind !== 'server') return
    askedFor = true
    const message = await tlsMismatch(target, tls !== undefined)
    if (message === undefined || wasReady || closing) return
    trouble = { kind: 'rejected', message }
    onTrouble?.(trouble)
  }
  const asking = setTimeout(() => void askForTls(), ASK_AFTER_MS)
  redis.on('connect', () => {
    selected = true
  })
  redis.on('ready', () => {
    if (!selected) {
      setTimeout(() => {
        if (!closing && !selected) redis.disconnect(true)
      }, RESELECT_MS)
      return
    }
    trouble = undefined
    wasReady = true
    clearTimeout(asking)
    onReady()
  })
  redis.on('error', (error: RedisError) => {
    if (isUnselected(error)) selected = false
    // A reason that no waiting heals is not hidden by the next attempt's.
    if (trouble?.kind !== 'rejected') trouble = troubleOf(error)
    if (!closing && !isReady()) onTrouble?.(trouble)
  })
  redis.on('close', () => {
    if (!wasReady) void askForTls()
    if (!closing) onLost()
  })
  // ioredis gives up for good when a failover is announced while it asks where the master is.
  redis.on('end', () => {
    if (closing) return
    setTimeout(() => {
      if (!closing && redis.status === 'end') redis.connect().catch(() => {})
    }, REVIVE_MS)
  })
  return {
    get ready() {
      return isReady()
    },
    get trouble() {
      return trouble
    },
    async send(commands) {
      if (!isReady()) {
        const message = trouble?.message ?? 'there is no connection'
        return commands.map(() => ({ kind: 'unsent', message }) as const)
      }
      try {
        const results = await within(commandTimeoutMs, pipelineOf(redis, commands).exec())
        return results?.map(resultOf) ?? commands.map(() => SILENCE)
      } catch (error) {
        // Some may wait for answers to what was never written: this connection would mix them up.
        redis.disconnect(true)
        return commands.map(() => ({ kind: 'unanswered', message: String(error) }) as const)
      }
    },
    reconnect() {
      if (!closing) redis.disconnect(true)
    },
    async close() {
      closing = true
      clearTimeout(asking)
      redis.disconnect()
    },
  }
}

/** The commands, made without `call`, whose arguments would have to fit on the stack. */
function pipelineOf(redis: Redis, commands: readonly RedisCommand[]): ChainableCommander {
  const pipeline = redis.pipeline()
  for (const { name, args, binary } of commands) {
    const replyEncoding = binary === true ? null : 'utf8'
    const command = new Command(name, args.map(writable), { replyEncoding })
    ;(pipeline as unknown as { sendCommand(command: Command): void }).sendCommand(command)
  }
  return pipeline
}

/**
 * What comes in time, or nothing. Time is up only after the sockets have been read once more: where
 * the process itself was busy, the answer has long been there. ioredis' own timeout does not look, and
 * turns every stall of the process into silence of the server.
 */
function within<T>(ms: number, answer: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => setImmediate(resolve, undefined), ms)
    const settle = (value: T | undefined) => {
      clearTimeout(timer)
      resolve(value)
    }
    void answer.then(settle, () => settle(undefined))
  })
}

const SILENCE: RedisResult = { kind: 'unanswered', message: 'the server does not answer' }

// ioredis sends Buffers as they are; other bytes it would turn into text.
function writable(argument: RedisArgument): string | number | Buffer {
  if (!(argument instanceof Uint8Array)) return argument
  return Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength)
}

function resultOf([error, reply]: [Error | null, unknown]): RedisResult {
  if (error === null) return { kind: 'reply', reply }
  if (error.name === 'ReplyError') return { kind: 'error', message: error.message }
  return { kind: 'unanswered', message: error.message }
}
