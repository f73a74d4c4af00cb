import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { createApiKey, hashApiKey } from '../../src/auth/api-key.ts'
import { type Clock, systemClock } from '../../src/clock.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import type { AppContext } from '../../src/http/app-context.ts'
import { createApp } from '../../src/http/create-app.ts'
import { createLogger } from '../../src/log.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { openContext } from '../../src/runtime/open-context.ts'
import { Secret } from '../../src/secret.ts'
import { watch, watchAnswers } from './leak-watch.ts'
import { TEST_ADMIN_TOKEN, TEST_PEPPER } from './test-config.ts'
import { type TestGatewayOptions, testConfig } from './test-gateway.ts'

const ROOT = join(import.meta.dirname, '../..')
/** The gateway's own entry file: what `npm start` runs. */
export const NODE_ENTRY = join(ROOT, 'src/runtime/node.ts')
/** A gateway that kills itself at a named await; see that file. */
export const SUICIDAL_ENTRY = join(import.meta.dirname, 'suicidal-gateway.ts')

/** A gateway's configuration on disk, with its ledger and audit log beside it. */
export interface PreparedGateway {
  readonly file: string
  readonly apiKey: string
}

/** Where the ledger of a prepared gateway is, and how it is kept. */
export interface PreparedLedger {
  /** Default: SQLite in the folder. */
  readonly state?: string
  readonly ledger?: Readonly<Record<string, unknown>>
}

/** Writes a configuration into a folder. One user: alice of acme. */
export async function prepareGateway(
  directory: string,
  options: TestGatewayOptions = {},
  { state = `sqlite:${join(directory, 'ledger.db')}`, ledger }: PreparedLedger = {},
): Promise<PreparedGateway> {
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  const key = createApiKey(random, 'acmealice')
  const hash = hashApiKey(nodeHashing, { version: 1, secret: new Secret(TEST_PEPPER) }, key)
  const tenants = { acme: ['alice'] }
  const settings = parse(testConfig({ ...options, tenants }, new Map([['acme/alice', hash]])))
  const audit = { file: join(directory, 'audit.jsonl') }
  const file = join(directory, 'signet.json')
  await writeFile(file, JSON.stringify({ ...settings, state, ...(ledger && { ledger }), audit }))
  return { file, apiKey: key.reveal() }
}

/** How a process ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A child process and what it has said so far. */
export interface Child extends AsyncDisposable {
  readonly pid: number
  readonly ended: Promise<Ended>
  stdout(): string
  stderr(): string
  /** Resolves with the first match in stdout or stderr; rejects when the process ends before. */
  said(pattern: RegExp): Promise<RegExpExecArray>
  kill(signal: NodeJS.Signals): void
  /** Closes the ends that we read at: what it writes from now on finds nobody. */
  stopReading(): void
}

export interface ChildOptions {
  readonly command?: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** A process group of its own, as a terminal makes for each command; signals go to all of it. */
  readonly ownGroup?: boolean
}

/** Starts a process; it is killed, if need be, when it is disposed of. */
export function startChild(options: ChildOptions): Child {
  const { command = process.execPath, args, env = {}, cwd = ROOT, ownGroup = false } = options
  const child = spawn(command, [...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: ownGroup,
  })
  const { pid } = child
  if (pid === undefined) throw new Error(`Cannot start "${command}"`)
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text
    })
  }
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }) as Ended)
  const kill = (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null)
      process.kill(ownGroup ? -pid : pid, signal)
  }
  return {
    pid,
    ended,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    async said(pattern) {
      let over = false
      void ended.then(() => {
        over = true
      })
      for (;;) {
        const match = pattern.exec(texts.stdout) ?? pattern.exec(texts.stderr)
        if (match !== null) return match
        if (over) throw new Error(`Ended without ${pattern}: ${texts.stdout}${texts.stderr}`)
        await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data'), ended])
      }
    },
    kill,
    stopReading() {
      child.stdout.destroy()
      child.stderr.destroy()
    },
    async [Symbol.asyncDispose]() {
      kill('SIGKILL')
      await ended
    },
  }
}

/** A gateway in a process of its own. */
export interface GatewayProcess extends Child {
  readonly url: string
  readonly adminUrl: string
}

export interface StartOptions {
  /** Default: the gateway's own entry file on Node. */
  readonly entry?: string
  readonly env?: Readonly<Record<string, string>>
  /** The runtime's program. Default: this Node. */
  readonly command?: string
  /** What its command line has before the entry file. */
  readonly flags?: readonly string[]
}

/** Starts a gateway from a prepared configuration and waits until it is ready. */
export async function startGateway(
  { file }: Pick<PreparedGateway, 'file'>,
  { entry = NODE_ENTRY, env = {}, command, flags = [] }: StartOptions = {},
): Promise<GatewayProcess> {
  const child = startChild({
    args: [...flags, entry],
    env: { ...env, SIGNET_CONFIG: file },
    ...(command !== undefined && { command }),
  })
  const ready = await child.said(/"gateway\.ready".*?"gatewayUrl":"([^"]+)","adminUrl":"([^"]+)"/)
  const [, url = '', adminUrl = ''] = ready
  void child.ended.then(() => watch('process', child.stdout() + child.stderr()))
  return { ...child, url, adminUrl }
}

/** Calls a gateway over the network, with its one user's key. */
export function callOver(url: string, { apiKey }: PreparedGateway) {
  return (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
}

/** The admin API's sweep. */
export function sweepOver(adminUrl: string): Promise<Response> {
  const headers = { authorization: `Bearer ${TEST_ADMIN_TOKEN}` }
  return fetch(`${adminUrl}/admin/v1/sweep`, { method: 'POST', headers })
}

/** The gateway that comes up after another on the same files, in this process. */
export interface Reopened extends AsyncDisposable {
  readonly context: AppContext
  readonly log: string[]
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Response>
}

/** Opens what a process left behind; a restart, with a clock and ports of the test's own. */
export async function reopenGateway(
  { file, apiKey }: PreparedGateway,
  overrides: Partial<AppContext> & { readonly clock?: Clock } = {},
): Promise<Reopened> {
  const readText = (path: string) => readFile(path, 'utf8')
  const sources = { env: {}, readText, hashing: nodeHashing }
  const { config, secrets } = await loadConfig(await readText(file), file, sources)
  const closing = new AsyncDisposableStack()
  const log: string[] = []
  const write = (line: string) => {
    watch('log', line)
    log.push(line)
  }
  const context = await openContext(config, secrets, closing, {
    log: createLogger({ write, clock: systemClock }),
    ...overrides,
  })
  context.lifecycle.state = 'ready'
  const app = watchAnswers(createApp(context))
  return {
    context,
    log,
    async call(method, path, body, headers = {}) {
      return app.request(path, {
        method,
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}
