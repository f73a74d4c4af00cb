import { createAdminAuthenticator } from '../auth/admin-token.ts'
import { createAuthenticator } from '../auth/authenticate.ts'
import { monotonicClock, systemClock } from '../clock.ts'
import type { Config, Secrets } from '../config/config.ts'
import { createDirectoryOverlay } from '../config/directory/overlay.ts'
import { createAccounts } from '../gateway/accounts.ts'
import { ACCESS_LOG_MS } from '../gateway/altered-object.ts'
import {
  createAdminAuthentication,
  createCallerAuthentication,
} from '../gateway/authenticate-caller.ts'
import { createCompletions } from '../gateway/completions.ts'
import { createConfigStatus } from '../gateway/config-status.ts'
import { createDirectory } from '../gateway/directory/directory.ts'
import { createSightings } from '../gateway/directory/sightings.ts'
import { createEventQueue } from '../gateway/events/queue.ts'
import { settleByEvent } from '../gateway/events/settle-by-event.ts'
import { createFailOpenLog } from '../gateway/fail-open-log.ts'
import { inBackground } from '../gateway/in-background.ts'
import { createKeyUses } from '../gateway/keys/key-uses.ts'
import { createRehashing } from '../gateway/keys/rehash-key.ts'
import { LedgerTime } from '../gateway/ledger-time.ts'
import { createLiveConfig } from '../gateway/live-config.ts'
import { createLocalLimiter } from '../gateway/local-limiter.ts'
import { createProbes } from '../gateway/probe/probes.ts'
import { SHADOW_LOG_MS } from '../gateway/shadow-limits.ts'
import { createTokenVerifiers } from '../gateway/token-verifiers.ts'
import type { AppContext } from '../http/app-context.ts'
import { withDenyCache } from '../ledger/deny-cache.ts'
import { createLogger, type Logger, type LogLevel } from '../log.ts'
import { createRareLog } from '../rare-log.ts'
import { choosePresigner } from '../signing/choose-presigner.ts'
import { countedStoreClient } from '../stores/counted-store-client.ts'
import { createStoreClient } from '../stores/s3-client.ts'
import { createStoreHealth } from '../stores/store-health.ts'
import { openAudit } from './audit-sink.ts'
import { createEventPorts } from './event-ports.ts'
import { openTelemetry } from './metrics.ts'
import { nodeHashing, nodeMd5 } from './node-hashing.ts'
import { openLedger } from './open-ledger.ts'
import { openState } from './open-state.ts'
import { createPooledRandom } from './pooled-random.ts'

/**
 * Opens what a gateway needs and picks the drivers: everything that is closed again is given to
 * `closing`, so that it closes in reverse order. Overrides come last: tests say only what they change.
 */
export async function openContext(
  config: Config,
  secrets: Secrets,
  closing: AsyncDisposableStack,
  overrides: Partial<AppContext> = {},
): Promise<AppContext> {
  const clock = overrides.clock ?? systemClock
  const stopwatch = overrides.clock ?? monotonicClock
  // The level follows the settings in force, and these are told of by the log.
  let levelOf = () => config.log.level
  const log = overrides.log ?? openLog(() => levelOf())
  const overlay = createDirectoryOverlay({ hashing: nodeHashing })
  const live = createLiveConfig(
    { config, secrets },
    { hashing: nodeHashing, log, identitiesOver: overlay.over },
  )
  levelOf = () => live.current.log.level
  const { telemetry, readMetrics, close } = openTelemetry()
  closing.defer(close)
  const ledgerTime = overrides.ledgerTime ?? new LedgerTime(clock)
  const learnTime = (nowMs: number) => ledgerTime.learn(nowMs)
  const onHit = telemetry.refusalRemembered
  const ledger =
    overrides.ledger ??
    withDenyCache(
      await openLedger(config, {
        clock,
        stopwatch,
        log,
        learnTime,
        alarm: telemetry.ledgerAlarmed,
      }),
      { clock: stopwatch, ledgerTime, onHit },
    )
  closing.defer(() => ledger.close())
  const state = overrides.state ?? (await openState(config))
  closing.defer(() => state.close())
  const directory = createDirectory({
    state,
    overlay,
    stopwatch,
    alone: config.state.kind === 'memory',
    onChange: () => live.refreshIdentities(),
    onLost: (names) => log.error('directory.writes_lost', { documents: names.length }),
  })
  // Without it the gateway serves whom the file names; all others are told to come again.
  await directory.sync().catch((error: unknown) => log.error('directory.silent', { error }))
  const sightings = createSightings({ directory, live, clock, log })
  closing.defer(() => sightings.settled())
  const audit = overrides.audit ?? (await openAudit(config.audit, { log, config, clock }))
  closing.defer(() => audit.close())
  const storeHealth =
    overrides.storeHealth ?? createStoreHealth({ clock, log, telemetry, stopwatch })
  const events = createEventQueue({
    config: () => live.current,
    log,
    telemetry,
    settle: (store, hint) => settleByEvent(inBackground(context), store, hint),
  })
  closing.defer(() => events.stop(0))
  const tokens = createTokenVerifiers(() => live.current, {
    clock,
    log,
    telemetry,
    hashing: nodeHashing,
    fetch: (url, init) => fetch(url, init),
  })
  const context: AppContext = {
    live,
    directory,
    keyUses: createKeyUses({ state, clock, hashing: nodeHashing }),
    sightings,
    storeTruth: live.storeTruth,
    // What is replaced takes effect at once, so what is in force is asked for each time.
    get config() {
      return live.current
    },
    get ticketKeys() {
      return live.sealing.ticketKeys
    },
    get cursorKeys() {
      return live.sealing.cursorKeys
    },
    clock,
    ledgerTime,
    hashing: nodeHashing,
    random: createPooledRandom(),
    ledger,
    state,
    presigner: choosePresigner({ wanted: config.signing.presigner, hashing: nodeHashing }),
    send: (url, init) => fetch(url, init),
    storeClient: countedStoreClient(
      createStoreClient({
        fetch: (url, init) => fetch(url, init),
        health: storeHealth,
        md5: nodeMd5,
      }),
      telemetry,
    ),
    storeHealth,
    audit,
    log,
    telemetry,
    accounts: createAccounts(() => live.current, ledger, nodeHashing),
    localLimiter: createLocalLimiter(clock),
    completions: createCompletions(),
    probes: createProbes(),
    events,
    failOpenLog: createFailOpenLog({ clock, log }),
    shadowLog: createRareLog(clock, SHADOW_LOG_MS),
    accessLog: createRareLog(clock, ACCESS_LOG_MS),
    authenticate: createCallerAuthentication({
      byKey: createAuthenticator({
        hashing: nodeHashing,
        clock,
        keys: () => live.current.keys,
        peppers: () => live.secrets.pepper,
        staleMs: directory.staleMs,
        onOutdated: createRehashing({ clock, directory, log }),
      }),
      tokens,
      live,
      directory,
      sightings,
    }),
    authenticateAdmin: createAdminAuthentication({
      byAdminToken: createAdminAuthenticator({
        hashing: nodeHashing,
        tokens: () => live.secrets.adminToken,
      }),
      tokens,
    }),
    tokens,
    eventPorts: createEventPorts({ clock, fetch: (url, init) => fetch(url, init) }),
    lifecycle: { state: 'starting' },
    configStatus: createConfigStatus(clock),
    readMetrics,
    rawTargetOf,
    remoteAddressOf,
    ...overrides,
  }
  return context
}

/** A logger that writes to stderr: stdout belongs to commands and to the audit log. */
function openLog(level: () => LogLevel): Logger {
  return createLogger({ write: (line) => process.stderr.write(line), clock: systemClock, level })
}

// Hono hands over no bindings at all where a request did not come over a socket.
function rawTargetOf(bindings: object | undefined): string | undefined {
  const { incoming } = (bindings ?? {}) as { incoming?: { url?: string } }
  return incoming?.url
}

function remoteAddressOf(bindings: object | undefined): string | undefined {
  const { incoming } = (bindings ?? {}) as { incoming?: { socket?: { remoteAddress?: string } } }
  return incoming?.socket?.remoteAddress
}
