import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** A reply of Redis, protocol 2. Errors are thrown, or stand among others as `RedisError`. */
export type RedisReply = string | number | null | RedisError | RedisReply[]

/** Where and as whom an administrator's command goes; the host is always 127.0.0.1. */
export interface RedisTarget {
  port: number
  /** Sent as `AUTH` first. `username` is left out for the default user. */
  credential?: { username?: string; password: string }
  /** PEM of what signed the server's certificate; with it the connection is TLS. */
  ca?: string
}

/** What Redis answered instead of a result, its text unchanged, such as `OOM command not …`. */
export class RedisError extends Error {
  override readonly name = 'RedisError'
}

// Longer than any pause that tests inject, so that a paused server is waited for.
const TIMEOUT_MS = 20_000

/** Numbers are sent as their decimal text. */
export type RedisCommand = readonly (string | number | Buffer)[]

/**
 * Sends one command on a connection of its own and returns the answer; strings are UTF-8. Never
 * repeats it. Throws `RedisError` for an error reply, and Error when the connection fails or
 * nothing comes within `timeoutMs` (default 20,000).
 */
export async function sendCommand(
  target: RedisTarget,
  command: RedisCommand,
  timeoutMs?: number,
): Promise<RedisReply> {
  const [reply = null] = await sendPipeline(target, [command], timeoutMs)
  if (reply instanceof RedisError) throw reply
  return reply
}

/**
 * Sends commands at once on one connection, as a WAIT needs that is to wait for what was written
 * before it. Answers each reply in order, an error reply as a `RedisError` among them.
 */
export async function sendPipeline(
  target: RedisTarget,
  commands: readonly RedisCommand[],
  timeoutMs = TIMEOUT_MS,
): Promise<RedisReply[]> {
  const { credential } = target
  if (credential === undefined) return exchange(target, commands, timeoutMs)
  const { username, password } = credential
  const login = username === undefined ? ['AUTH', password] : ['AUTH', username, password]
  const [welcome, ...replies] = await exchange(target, [login, ...commands], timeoutMs)
  if (welcome instanceof RedisError) throw welcome
  return replies
}

function exchange(
  target: RedisTarget,
  commands: readonly RedisCommand[],
  timeoutMs: number,
): Promise<RedisReply[]> {
  const { promise, resolve, reject } = Promise.withResolvers<RedisReply[]>()
  const socket = openSocket(target)
  let received = Buffer.alloc(0)
  const fail = (why: string, cause?: unknown) => {
    socket.destroy()
    reject(new Error(`Cannot ask Redis on port ${target.port}: ${why}`, { cause }))
  }
  const timer = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs)
  socket.on('error', (error) => fail(error.message, error))
  socket.on('close', () => {
    clearTimeout(timer)
    fail('the connection was closed')
  })
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    const replies = readReplies(received, commands.length)
    if (replies === undefined) return
    resolve(replies)
    socket.destroy()
  })
  socket.write(Buffer.concat(commands.map(encodeCommand)))
  return promise
}

function openSocket({ port, ca }: RedisTarget): Socket {
  const host = '127.0.0.1'
  return ca === undefined ? connect({ host, port }) : connectTls({ host, port, ca })
}

function encodeCommand(command: RedisCommand): Buffer {
  const parts = command.flatMap((argument) => {
    const bytes = Buffer.isBuffer(argument) ? argument : Buffer.from(String(argument))
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]
  })
  return Buffer.concat([Buffer.from(`*${command.length}\r\n`), ...parts])
}

/** The first `count` replies, or undefined while some of them are still on their way. */
function readReplies(bytes: Buffer, count: number): RedisReply[] | undefined {
  const replies: RedisReply[] = []
  let at = 0
  for (let index = 0; index < count; index += 1) {
    const read = readReply(bytes, at)
    if (read === undefined) return undefined
    replies.push(read.reply)
    at = read.end
  }
  return replies
}

function readReply(bytes: Buffer, start: number): { reply: RedisReply; end: number } | undefined {
  const lineEnd = bytes.indexOf('\r\n', start)
  if (lineEnd < 0) return undefined
  const type = String.fromCharCode(bytes[start] ?? 0)
  const line = bytes.toString('utf8', start + 1, lineEnd)
  const next = lineEnd + 2
  if (type === '+') return { reply: line, end: next }
  if (type === '-') return { reply: new RedisError(line), end: next }
  if (type === ':') return { reply: Number(line), end: next }
  const size = Number(line)
  if (size < 0) return { reply: null, end: next }
  if (type === '$') {
    const end = next + size
    if (bytes.length < end + 2) return undefined
    return { reply: bytes.toString('utf8', next, end), end: end + 2 }
  }
  if (type !== '*') throw new Error(`Cannot read a reply of Redis: it starts with "${type}"`)
  const reply: RedisReply[] = []
  let end = next
  for (let index = 0; index < size; index += 1) {
    const element = readReply(bytes, end)
    if (element === undefined) return undefined
    reply.push(element.reply)
    end = element.end
  }
  return { reply, end }
}
