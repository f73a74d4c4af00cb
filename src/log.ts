import type { Clock } from './clock.ts'
import { GatewayError } from './errors.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, unknown>>

/** One JSON object a line: `time`, `level`, `event`, then the fields. */
export interface Logger {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}

export interface LoggerOptions {
  /** Takes one finished line, newline included. */
  readonly write: (line: string) => void
  readonly clock: Clock
  /** Lines below it are dropped; asked for with each line where it can change. Default `info`. */
  readonly level?: LogLevel | (() => LogLevel)
}

const ORDER: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }
/** Characters of a text that are shown, and that are looked through for what must not be. */
const MAX_TEXT = 2_000
const MAX_READ = 65_536
const MAX_DEPTH = 4

// Second line of defence behind `Secret`: what looks like a grant or a key never reaches a line.
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/https?:\/\/[^\s"']*X-Amz-Signature=[^\s"']*/gi, '[signed url]'],
  [/X-Amz-(Signature|Security-Token|Credential)=[^\s"'&]+/gi, 'X-Amz-$1=[secret]'],
  [/signet_[A-Za-z0-9]+_[A-Za-z0-9_-]{20,}/g, '[api key]'],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, '[token]'],
  [/\b(Bearer|Basic)\s+[^\s"',]+/gi, '$1 [secret]'],
  [/([?&](?:access_token|api_key|token)=)[^\s"'&]+/gi, '$1[secret]'],
]

/** A logger that redacts: secrets by type, grants and keys by pattern, long texts by length. */
export function createLogger({ write, clock, level = 'info' }: LoggerOptions): Logger {
  const line = (at: LogLevel, event: string, fields: LogFields = {}) => {
    if (ORDER[at] < ORDER[typeof level === 'function' ? level() : level]) return
    const own = { time: new Date(clock.nowMs()).toISOString(), level: at, event }
    // First, where they are looked for, and last: no field takes the place of one.
    write(`${JSON.stringify({ ...own, ...(clean(fields, 0) as LogFields), ...own })}\n`)
  }
  return {
    debug: (event, fields) => line('debug', event, fields),
    info: (event, fields) => line('info', event, fields),
    warn: (event, fields) => line('warn', event, fields),
    error: (event, fields) => line('error', event, fields),
  }
}

/** Removes what must not be printed from a text. */
export function redact(text: string): string {
  let cleaned = text.slice(0, MAX_READ)
  for (const [pattern, replacement] of PATTERNS) cleaned = cleaned.replace(pattern, replacement)
  // Cut last: half a secret looks like none, and is still half a secret.
  return cleaned.length > MAX_TEXT ? `${cleaned.slice(0, MAX_TEXT)}…` : cleaned
}

/** What a log line may say about an error: its kind, message, code and facts, and its causes. */
export function describeError(error: unknown, depth = 0): LogFields {
  if (!(error instanceof Error)) return { message: redact(String(error)) }
  return {
    name: error.name,
    message: redact(error.message),
    ...(error instanceof GatewayError && { code: error.code, facts: error.details.facts }),
    ...(error.cause !== undefined &&
      depth < MAX_DEPTH && {
        cause: describeError(error.cause, depth + 1),
      }),
  }
}

function clean(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redact(value)
  if (value instanceof Error) return describeError(value, depth)
  if (typeof value !== 'object' || value === null) return value
  if ('toJSON' in value && typeof value.toJSON === 'function') return clean(value.toJSON(), depth)
  if (depth >= MAX_DEPTH) return '[deep]'
  if (Array.isArray(value)) return value.slice(0, 50).map((item) => clean(item, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, clean(member, depth + 1)]),
  )
}
