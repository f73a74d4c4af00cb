import { parseOrigin } from '../config/address.ts'
import { type AdminAccess, loadAdminAccess } from '../config/load-admin-access.ts'
import type { Secret } from '../secret.ts'
import { type CliIo, UsageError } from './cli-io.ts'
import { printable } from './columns.ts'
import { DEFAULT_CONFIG_FILE, orProblems } from './config-file.ts'

/** Where a running gateway's admin API is, and what opens it. */
export interface AdminTarget {
  readonly url: string
  readonly token: Secret
}

/**
 * Finds the gateway by its configuration; `url` is used instead of the configured address. Writes why
 * to stderr and gives `undefined` when it cannot. Throws `UsageError` for a `url` that is no origin.
 */
export async function findAdmin(
  { file, url }: { file: string | undefined; url: string | undefined },
  io: CliIo,
): Promise<AdminTarget | undefined> {
  const origin = url === undefined ? undefined : parseOrigin(url)
  if (typeof origin === 'string') throw new UsageError(`--url ${origin}`)
  const chosen = file ?? io.env.SIGNET_CONFIG ?? DEFAULT_CONFIG_FILE
  const text = await io.readText(chosen).catch(() => undefined)
  if (text === undefined) {
    io.stderr(`Cannot read ${chosen}, where the admin token should be\n`)
    return undefined
  }
  const access = await orProblems<AdminAccess>(() => loadAdminAccess(text, chosen, io), io.stderr)
  if (access === undefined) return undefined
  const found = origin?.text ?? access.url
  if (found === undefined) {
    io.stderr(`Cannot tell the port: ${chosen} lets one be picked, so give --url\n`)
    return undefined
  }
  return { url: found, token: access.token }
}

/** One call of the admin API. */
export interface AdminCall {
  /** With its query. */
  readonly path: string
  /** Default: POST with a body, GET without. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** JSON. */
  readonly body?: unknown
  /** Preconditions; the token is not the caller's to send. */
  readonly headers?: Readonly<Record<string, string>>
}

/** A good answer. */
export interface AdminAnswer {
  /** From JSON; undefined for one without a body. */
  readonly value: unknown
  /** Its `ETag`, as it came. */
  readonly version?: string
}

/** What the gateway has said; the answer of one call, without its version. See `askAdmin`. */
export async function callAdmin(
  target: AdminTarget,
  call: AdminCall,
  io: Pick<CliIo, 'fetch' | 'stderr'>,
): Promise<unknown> {
  return (await askAdmin(target, call, io))?.value
}

/**
 * One call of the admin API, JSON both ways. Writes why to stderr and gives `undefined` when there is no
 * good answer.
 */
export async function askAdmin(
  { url, token }: AdminTarget,
  { path, body, method = body === undefined ? 'GET' : 'POST', headers }: AdminCall,
  io: Pick<CliIo, 'fetch' | 'stderr'>,
): Promise<AdminAnswer | undefined> {
  try {
    const answer = await io.fetch(`${url}${path}`, {
      method,
      headers: {
        ...headers,
        authorization: `Bearer ${token.reveal()}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      // A token must not follow wherever a stranger on this port may point.
      redirect: 'error',
    })
    const value: unknown = answer.status === 204 ? undefined : await answer.json()
    const version = answer.headers.get('etag')
    if (answer.ok) return { value, ...(version !== null && { version }) }
    io.stderr(refusalText(`The gateway at ${url} answers ${answer.status}`, value))
  } catch {
    io.stderr(`The gateway at ${url} does not answer: is it running, and is this its admin API?\n`)
    if (method !== 'GET') io.stderr('The change may have been made: look before you repeat it\n')
  }
  return undefined
}

/** A problem of ours, and what is wrong with each field. Throws `TypeError` for what is none. */
function refusalText(who: string, problem: unknown): string {
  const { code, detail, fields } = problem as Readonly<Record<string, unknown>>
  if (typeof code !== 'string') throw new TypeError('no problem of ours')
  const lines = Array.isArray(fields) ? (fields as { path?: unknown; message?: unknown }[]) : []
  const wrong = lines.map(({ path, message }) => `  ${printable(`${path}: ${message}`)}\n`)
  return `${who} ${printable(`${code}: ${detail ?? ''}`)}\n${wrong.join('')}`
}
