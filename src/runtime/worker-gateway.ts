import type { ExecutionContext } from 'cloudflare:workers'
import { createNoopMeter } from '@opentelemetry/api'
import type { Audit } from '../audit/port.ts'
import { monotonicClock, systemClock } from '../clock.ts'
import { loadConfig } from '../config/load-config.ts'
import { ConfigError, formatProblem } from '../config/problem.ts'
import { GatewayError } from '../errors.ts'
import { type CapacityOptions, createCapacity, newCapacityMemory } from '../gateway/capacity.ts'
import { createCompletions } from '../gateway/completions.ts'
import { createEventQueue } from '../gateway/events/queue.ts'
import { createFullLog } from '../gateway/full-log.ts'
import { inBackground } from '../gateway/in-background.ts'
import { createProbes } from '../gateway/probe/probes.ts'
import type { AppContext } from '../http/app-context.ts'
import type { createAdminApp } from '../http/create-admin-app.ts'
import { createApp } from '../http/create-app.ts'
import { lazily } from '../lazily.ts'
import type { Ledger } from '../ledger/port.ts'
import type { StateStore } from '../state/port.ts'
import { createStoreHealth } from '../stores/store-health.ts'
import { createTelemetry } from '../telemetry.ts'
import { composeContext, type LedgerPorts } from './compose-context.ts'
import { createEventPorts } from './event-ports.ts'
import { createDirectoryFollower } from './follow-directory.ts'
import { nodeHashing, nodeMd5 } from './node-hashing.ts'
import { createPooledRandom } from './pooled-random.ts'
import { currentScope, inScope, keptAlive, type Scope, scoped } from './request-scope.ts'
import { withoutTurns } from './without-turns.ts'
import { openWorkerAudit } from './worker-audit.ts'
import type { WorkerBindings } from './worker-bindings.ts'
import { openWorkerLog } from './worker-log.ts'

/** Where a worker keeps what gateways share. Its drivers ask for whatever does I/O with each call. */
export interface WorkerState {
  openLedger(ports: LedgerPorts): Promise<Ledger>
  openState(): Promise<StateStore>
  /** Called before a request is served: to learn what the ledger needs to know. */
  prepare?(): Promise<void>
  /** Called by a cron trigger: what nobody else does here. */
  doChores?(context: AppContext): Promise<void>
}

type AdminApp = ReturnType<typeof createAdminApp>

/** A gateway in an isolate: data, and drivers that keep no I/O. */
export interface WorkerGateway {
  readonly context: AppContext
  readonly state: WorkerState
  /** What is known of the room in stores, and who is told that there is none. */
  readonly room: Pick<CapacityOptions, 'memory' | 'onFull'>
  /** Tells the log that it serves, and what is odd about its settings. */
  tellReady(): void
  /** Reads what others have changed in the directory, unless this isolate has just done so. */
  followDirectory(directory: AppContext['directory']): Promise<void>
  readonly app: ReturnType<typeof createApp>
  /** Made when a request comes for it, and then kept. */
  admin(): AdminApp | Promise<AdminApp>
}

/** The audit log of whatever request is under way. */
const auditNow: Audit = {
  append: (event) => contextNow().audit.append(event),
  query: (query) => contextNow().audit.query(query),
  async close() {},
}

const settling = lazily(() => import('../gateway/events/settle-by-event.ts'))
const storeTruth = lazily(() => import('../gateway/keep-store-truth.ts'))

/** What has been told of why there is no gateway. */
const told = new WeakSet<object>()

/** When what is known of the stores was last read by this isolate, by a clock that is not set. */
let refreshedAtMs = -Infinity
/** How often it is, in milliseconds. */
const REFRESH_MS = 60_000

/** What goes on after an answer is given up by the runtime in half a minute. */
const AFTERWORK_MS = 20_000

/**
 * Makes the gateway of an isolate. Settings, credentials, counters of this isolate and how stores do are
 * kept in it; what waits for something belongs to a request (`contextOf`). Throws `ConfigError`.
 */
export async function openWorkerGateway(
  env: WorkerBindings,
  openStateOf: (config: AppContext['config'], env: WorkerBindings) => WorkerState,
): Promise<WorkerGateway> {
  const { config, secrets, warnings } = await readConfig(env)
  const log = openWorkerLog(() => config.log.level)
  const state = openStateOf(config, env)
  // Fails here, once, for a place that is not to be had, and not with each request.
  openWorkerAudit(config.audit, env)
  // Nobody in a worker reads metrics or spans.
  const telemetry = createTelemetry(createNoopMeter())
  const send: typeof fetch = (url, init) => keptAlive(fetch(url, init))
  const shared = await composeContext({
    settings: { config, secrets },
    closing: new AsyncDisposableStack(),
    ports: {
      hashing: nodeHashing,
      md5: nodeMd5,
      random: createPooledRandom(),
      telemetry,
      fetch: send,
      openLog: () => log,
      openLedger: (ports) => state.openLedger(ports),
      openState: () => state.openState(),
      openAudit: async () => auditNow,
      openEventPorts: (clock) => createEventPorts({ clock, fetch: send }),
      remoteAddressOf: (bindings) => (bindings as RequestBindings | undefined)?.remoteAddress,
      sharesNoWork: true,
    },
    overrides: {
      log,
      storeHealth: withoutTurns(
        createStoreHealth({ clock: systemClock, stopwatch: monotonicClock, log, telemetry }),
      ),
      lifecycle: { state: 'ready' },
    },
  })
  const context = scoped(contextNow)
  return inScope({ ...currentScope(), context: shared }, () => ({
    context: shared,
    state,
    room: {
      memory: newCapacityMemory(),
      onFull: createFullLog({ clock: systemClock, log, telemetry }),
    },
    tellReady() {
      for (const { path, message } of warnings) log.warn('config.warning', { path, message })
      log.info('gateway.ready', { state: config.state.kind })
    },
    followDirectory: createDirectoryFollower({ stopwatch: monotonicClock, log }),
    app: createApp(context),
    admin: lazily(async () => {
      const { createAdminApp } = await import('../http/create-admin-app.ts')
      return createAdminApp(context)
    }),
  }))
}

/** What the applications are told of a request. */
export interface RequestBindings {
  readonly remoteAddress?: string
}

/**
 * The context of one request: all that waits for something, and so belongs to it alone, over what the
 * isolate has. `members`: what else is its own.
 */
export function contextOf(
  gateway: WorkerGateway,
  env: WorkerBindings,
  members: Partial<AppContext> = {},
): AppContext {
  const { context: shared } = gateway
  const ledger = members.ledger ?? shared.ledger
  const own: Partial<AppContext> = {
    // Pulls of room are joined within a request alone; what they have seen is the isolate's.
    capacity: createCapacity({
      ...{ ledger, state: shared.state, hashing: shared.hashing, stopwatch: monotonicClock },
      ...gateway.room,
    }),
    audit: openWorkerAudit(shared.config.audit, env),
    completions: createCompletions(),
    probes: createProbes(),
    events: createEventQueue({
      config: () => shared.config,
      log: shared.log,
      telemetry: shared.telemetry,
      settle: async (store, hint) => {
        const { settleByEvent } = await settling()
        return settleByEvent(inBackground(context), store, hint)
      },
    }),
    ...members,
  }
  const context: AppContext = Object.assign(Object.create(shared), own)
  return context
}

/**
 * Runs work with a context of its own, and lets it go on to its end whoever goes away meanwhile; then
 * finishes what nobody waits for.
 */
export function withContext<Result>(
  life: ExecutionContext,
  open: () => Promise<{ readonly gateway: WorkerGateway; readonly context: AppContext }>,
  work: (gateway: WorkerGateway, context: AppContext) => Result | Promise<Result>,
): Promise<Result> {
  const scope: Scope = { life, own: new Map(), closing: new AsyncDisposableStack() }
  return inScope(scope, async () => {
    const running = (async () => {
      try {
        const { gateway, context } = await open()
        scope.context = context
        await Promise.all([gateway.state.prepare?.(), gateway.followDirectory(context.directory)])
        return await work(gateway, context)
      } finally {
        life.waitUntil(finish(scope))
      }
    })()
    return await keptAlive(running)
  })
}

/** What is started by a request and outlives its answer. Never throws. */
async function finish({ context, closing }: Scope): Promise<void> {
  if (context !== undefined) await finishWork(context)
  await closing.disposeAsync()
}

async function finishWork(context: AppContext): Promise<void> {
  const { events, sightings, keyUses, tokens, audit, log } = context
  const work = [
    events.stop(AFTERWORK_MS),
    sightings.settled(),
    tokens.refreshKeys(),
    keyUses.writeSome(),
    refreshTruth(context),
  ]
  for (const done of await Promise.allSettled(work)) {
    if (done.status === 'rejected') log.warn('worker.unfinished', { error: done.reason })
  }
  await audit.close()
}

/** Takes what probes of others have seen of the stores, once in a while. */
async function refreshTruth(context: AppContext): Promise<void> {
  const nowMs = monotonicClock.nowMs()
  if (nowMs - refreshedAtMs < REFRESH_MS) return
  refreshedAtMs = nowMs
  const { refreshStoreTruth } = await storeTruth()
  await refreshStoreTruth(context, { probes: false })
}

/** What a cron trigger is for: probes stores that are due, and does what the state has nobody else for. */
export async function doChores({ state }: WorkerGateway, context: AppContext): Promise<void> {
  const { refreshStoreTruth } = await storeTruth()
  await refreshStoreTruth(context, { probes: true })
  await state.doChores?.(context)
}

function contextNow(): AppContext {
  const { context } = currentScope()
  if (context === undefined) throw new Error('Cannot do this before there is a context')
  return context
}

/** All texts among the bindings may be named in the configuration; files there are none. */
async function readConfig(env: WorkerBindings) {
  const { SIGNET_CONFIG: given } = env
  if (given === undefined) {
    throw new GatewayError('InternalError', 'Cannot start: there is no binding "SIGNET_CONFIG"')
  }
  const text = typeof given === 'string' ? given : JSON.stringify(given)
  const texts = Object.entries(env).filter(([, value]) => typeof value === 'string')
  return await loadConfig(text, 'SIGNET_CONFIG', {
    env: Object.fromEntries(texts) as Record<string, string>,
    readText: async () => {
      throw new Error('a worker has no files')
    },
    hashing: nodeHashing,
  })
}

/** Tells the log why there is no gateway: a line for each problem of a configuration. Once for each error. */
export function tellFailure(error: unknown): void {
  if (told.has(Object(error))) return
  told.add(Object(error))
  const log = openWorkerLog(() => 'error')
  const problems = error instanceof ConfigError ? error.problems : []
  if (problems.length === 0) log.error('gateway.failed', { error })
  for (const problem of problems) {
    log.error('config.problem', { problem: formatProblem(problem) })
  }
}
