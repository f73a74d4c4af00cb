import { parseOrigin } from '../config/address.ts'
import { type AdminAccess, loadAdminAccess } from '../config/load-admin-access.ts'
import type { Secret } from '../secret.ts'
import { type CliIo, UsageError } from './cli-io.ts'
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
  readonly path: string
  /** JSON. */
  readonly body?: unknown
}

/**
 * One call of the admin API, JSON both ways: POST with a body, GET without. Writes why to stderr and
 * gives `undefined` when there is no good answer.
 */
export async function callAdmin(
  { url, token }: AdminTarget,
  { path, body }: AdminCall,
  io: CliIo,
): Promise<unknown> {
  try {
    const answer = await io.fetch(`${url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${token.reveal()}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      // A token must not follow wherever a stranger on this port may point.
      redirect: 'error',
    })
    const value: unknown = await answer.json()
    if (answer.ok) return value
    const { code, detail } = value as { code?: unknown; detail?: unknown }
    if (typeof code !== 'string') throw new TypeError('no problem of ours')
    io.stderr(`The gateway at ${url} answers ${answer.status} ${code}: ${detail ?? ''}\n`)
  } catch {
    io.stderr(`The gateway at ${url} does not answer: is it running, and is this its admin API?\n`)
  }
  return undefined
}
