import { loadConfig } from '../config/load-config.ts'
import { ConfigError, formatProblem } from '../config/problem.ts'
import { startDirectory } from '../gateway/directory/start-directory.ts'
import { keepStoreTruth } from '../gateway/keep-store-truth.ts'
import { startKeyUses } from '../gateway/keys/start-key-uses.ts'
import { startAuditor } from '../gateway/start-auditor.ts'
import { startCapacityUpkeep } from '../gateway/start-capacity-upkeep.ts'
import { startHealthChecks } from '../gateway/start-health-checks.ts'
import { startKeyWatch } from '../gateway/start-key-watch.ts'
import { startSweeper } from '../gateway/start-sweeper.ts'
import { createAdminApp } from '../http/create-admin-app.ts'
import { createApp } from '../http/create-app.ts'
import { describeError } from '../log.ts'
import { type ConfigFiles, readConfigFiles } from './config-files.ts'
import type { Listen } from './listen.ts'
import { nodeHashing } from './node-hashing.ts'
import { openContext } from './open-context.ts'
import { createReload } from './reload.ts'
import { listenToReloadSignal } from './reload-signal.ts'
import { listenToStopSignals } from './stop-signals.ts'
import { watchConfig } from './watch-config.ts'

/** Where the gateway listens, once it does. */
export interface Running {
  readonly gatewayUrl: string
  readonly adminUrl: string
}

export interface RunOptions {
  readonly env: NodeJS.ProcessEnv
  /** Path of the configuration. */
  readonly file: string
  /** Opens a port of the runtime. */
  readonly listen: Listen
  readonly onRunning?: (running: Running) => void
  /** Opens the ports. Default `openContext`. */
  readonly open?: typeof openContext
  /** Whether the configuration is read anew when it changes, and on SIGHUP. Default true. */
  readonly reloads?: boolean
}

/**
 * Runs a gateway until SIGINT or SIGTERM: configuration, context, listeners, sweeper. On the signal
 * readiness falls first, then requests under way finish, then everything closes, last opened first. A
 * second signal waits for nobody any more.
 */
export async function run(options: RunOptions): Promise<void> {
  const { env, file, listen, onRunning, open = openContext, reloads = true } = options
  const signals = listenToStopSignals()
  const reloadSignal = reloads ? listenToReloadSignal() : undefined
  const files = readConfigFiles()
  const { config, secrets, warnings } = await loadConfig(await readConfig(files, file), file, {
    env,
    readText: files.readText,
    hashing: nodeHashing,
  })
  await using closing = new AsyncDisposableStack()
  const context = await open(config, secrets, closing)
  for (const { path, message } of warnings) context.log.warn('config.warning', { path, message })
  closing.defer(startDirectory(context))
  closing.defer(startKeyUses(context))
  closing.defer(startKeyWatch(context.tokens))
  const truth = keepStoreTruth(context)
  closing.defer(() => truth.stop(signals.second))
  await truth.settled
  closing.defer(startHealthChecks(context))
  closing.defer(startSweeper(context))
  closing.defer(startAuditor(context))
  closing.defer(startCapacityUpkeep(context))
  const { server } = config
  const drainMs = () => context.config.server.drainSeconds * 1000
  let drainEndsMs = 0
  closing.defer(() =>
    context.events.stop(Math.max(0, drainEndsMs - performance.now()), signals.second),
  )
  const admin = await listen(createAdminApp(context).fetch, server.admin, server)
  closing.defer(() => admin.stop(drainMs(), signals.second))
  const api = await listen(createApp(context).fetch, server.listen, server)
  closing.defer(() => api.stop(drainMs(), signals.second))
  if (reloadSignal !== undefined) {
    const take = createReload({ context, file, env, onReloaded: () => truth.reconfigured() })
    const everyMs = () => context.config.server.reloadSeconds * 1000
    const watch = await watchConfig({ start: files, everyMs, take })
    closing.defer(() => watch.stop())
    reloadSignal.onEach(() => void watch.lookNow())
  }
  context.lifecycle.state = 'ready'
  const running = { gatewayUrl: urlOf(api.address), adminUrl: urlOf(admin.address) }
  context.log.info('gateway.ready', { ...running })
  onRunning?.(running)

  const signal = await signals.first
  context.lifecycle.state = 'draining'
  context.log.info('gateway.draining', { signal })
  // They clean up while others finish: what a probe writes must not outlive the process.
  void context.probes.stop(signals.second)
  await pause(context.config.server.shutdownDelaySeconds * 1000, signals.second)
  drainEndsMs = performance.now() + drainMs()
}

async function pause(ms: number, cut: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([over, cut])
  clearTimeout(timer)
}

/**
 * What an entry file waits for: the end of the gateway, or one line about why there is none. Exits by
 * itself, because Node lets go of its signal handlers some time before the process is gone, and a
 * signal that comes twice would then turn an orderly end into a kill.
 */
export async function runToEnd(work: Promise<void>): Promise<void> {
  await work.catch(fail)
  await Promise.all([process.stdout, process.stderr].map(flushed))
  process.exit()
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve())
  })
}

async function readConfig(files: ConfigFiles, file: string): Promise<string> {
  try {
    return await files.readText(file)
  } catch (cause) {
    const hint = 'set SIGNET_CONFIG to its path, or start from config/signet.yaml'
    throw new Error(`Cannot read the configuration "${file}": ${hint}`, { cause })
  }
}

/**
 * One log line, or a plain line per problem of a configuration, and an exit code that cuts nothing
 * off.
 */
export function fail(error: unknown): void {
  process.exitCode = 1
  if (error instanceof ConfigError) {
    for (const problem of error.problems) process.stderr.write(`${formatProblem(problem)}\n`)
    return
  }
  const line = { time: new Date().toISOString(), level: 'error', event: 'gateway.failed' }
  process.stderr.write(`${JSON.stringify({ ...line, ...describeError(error) })}\n`)
}

function urlOf({
  address,
  family,
  port,
}: {
  address: string
  family: string
  port: number
}): string {
  const open = address === '::' || address === '0.0.0.0'
  const host = open ? '127.0.0.1' : family === 'IPv6' ? `[${address}]` : address
  return `http://${host}:${port}`
}
