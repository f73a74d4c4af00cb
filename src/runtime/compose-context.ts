import type { Audit } from '../audit/port.ts'
import { createAdminAuthenticator } from '../auth/admin-token.ts'
import { createAuthenticator } from '../auth/authenticate.ts'
import { type Clock, monotonicClock, systemClock } from '../clock.ts'
import { createDirectoryOverlay } from '../config/directory/overlay.ts'
import { createAccounts } from '../gateway/accounts.ts'
import { ACCESS_LOG_MS } from '../gateway/altered-object.ts'
import {
  createAdminAuthentication,
  createCallerAuthentication,
} from '../gateway/authenticate-caller.ts'
import { createCapacity } from '../gateway/capacity.ts'
import { createCompletions } from '../gateway/completions.ts'
import { createConfigStatus } from '../gateway/config-status.ts'
import { createDirectory } from '../gateway/directory/directory.ts'
import { createSightings } from '../gateway/directory/sightings.ts'
import { createEventQueue } from '../gateway/events/queue.ts'
import { createFailOpenLog } from '../gateway/fail-open-log.ts'
import { createFullLog } from '../gateway/full-log.ts'
import { inBackground } from '../gateway/in-background.ts'
import { createKeyUses } from '../gateway/keys/key-uses.ts'
import { createRehashing } from '../gateway/keys/rehash-key.ts'
import { createKnownPlaces } from '../gateway/known-places.ts'
import { LedgerTime } from '../gateway/ledger-time.ts'
import { createLiveConfig, type FileSettings } from '../gateway/live-config.ts'
import { createLocalLimiter } from '../gateway/local-limiter.ts'
import { createProbes } from '../gateway/probe/probes.ts'
import { SHADOW_LOG_MS } from '../gateway/shadow-limits.ts'
import { createTokenVerifiers } from '../gateway/token-verifiers.ts'
import type { AppContext } from '../http/app-context.ts'
import { lazily } from '../lazily.ts'
import { withDenyCache } from '../ledger/deny-cache.ts'
import type { Ledger } from '../ledger/port.ts'
import type { Logger, LogLevel } from '../log.ts'
import { createRareLog } from '../rare-log.ts'
import { choosePresigner } from '../signing/choose-presigner.ts'
import type { StateStore } from '../state/port.ts'
import { countedStoreClient } from '../stores/counted-store-client.ts'
import type { EventPorts } from '../stores/events/event-ports.ts'
import { createStoreClient } from '../stores/s3-client.ts'
import { createStoreHealth } from '../stores/store-health.ts'
import type { Telemetry } from '../telemetry.ts'

const settling = lazily(() => import('../gateway/events/settle-by-event.ts'))

/** What a ledger is opened with. */
export interface LedgerPorts {
  readonly clock: Clock
  /** Measures how long something takes, whatever happens to `clock`. */
  readonly stopwatch: Clock
  readonly log: Logger
  /** Takes the clock of a ledger that has its own. */
  readonly learnTime: (nowMs: number) => void
  /** Counts what must not happen. */
  readonly alarm: (facts: { readonly op: string; readonly code: string }) => void
}

/** What differs from runtime to runtime. Each is asked at most once for a context. */
export interface ContextPorts
  extends Pick<
    AppContext,
    'hashing' | 'random' | 'readMetrics' | 'rawTargetOf' | 'remoteAddressOf'
  > {
  /** MD5 of UTF-8 text, 16 bytes. */
  readonly md5: (text: string) => Uint8Array
  readonly telemetry: Telemetry
  /** Every call to a store or an issuer. */
  readonly fetch: typeof globalThis.fetch
  /** A logger that asks for its level with each line. */
  openLog(level: () => LogLevel): Logger
  openLedger(ports: LedgerPorts): Promise<Ledger>
  /** Called when the ledger is open. */
  openState(): Promise<StateStore>
  openAudit(ports: { readonly log: Logger; readonly clock: Clock }): Promise<Audit>
  openEventPorts(clock: Clock): EventPorts
  /** Where no request may wait for what another one has begun. Default false. */
  readonly sharesNoWork?: boolean
}

/** What a context is made from. */
export interface ContextSource {
  /** The configuration as it was read, and its secrets. */
  readonly settings: FileSettings
  readonly ports: ContextPorts
  /** Takes all that has to be closed, so that it closes in reverse order. */
  readonly closing: AsyncDisposableStack
  /** Come last: whoever has a member says so, and nothing is opened in its place. Default: none. */
  readonly overrides?: Partial<AppContext>
}

/**
 * Makes the context of a gateway, the same on every runtime: it knows nothing of files, sockets or
 * processes but what its ports do. Opens ledger, state and audit, and reads the directory once; starts no
 * timer. Throws what the ports throw.
 */
export async function composeContext({
  settings,
  ports,
  closing,
  overrides = {},
}: ContextSource): Promise<AppContext> {
  const { config } = settings
  const { hashing, telemetry } = ports
  // A copy: some runtimes refuse to have `fetch` called as a member of anything.
  const { fetch: send } = ports
  const clock = overrides.clock ?? systemClock
  const stopwatch = overrides.clock ?? monotonicClock
  // The level follows the settings in force, and these are told of by the log.
  let levelOf = () => config.log.level
  const log = overrides.log ?? ports.openLog(() => levelOf())
  const overlay = createDirectoryOverlay({ hashing })
  const live =
    overrides.live ?? createLiveConfig(settings, { hashing, log, identitiesOver: overlay.over })
  levelOf = () => live.current.log.level
  const ledgerTime = overrides.ledgerTime ?? new LedgerTime(clock)
  const learnTime = (nowMs: number) => ledgerTime.learn(nowMs)
  const onHit = telemetry.refusalRemembered
  const ledger =
    overrides.ledger ??
    withDenyCache(
      await ports.openLedger({ clock, stopwatch, log, learnTime, alarm: telemetry.ledgerAlarmed }),
      { clock: stopwatch, ledgerTime, onHit },
    )
  closing.defer(() => ledger.close())
  const state = overrides.state ?? (await ports.openState())
  closing.defer(() => state.close())
  const directory =
    overrides.directory ??
    createDirectory({
      state,
      overlay,
      stopwatch,
      alone: config.state.kind === 'memory',
      joins: ports.sharesNoWork !== true,
      onChange: () => live.refreshIdentities(),
      onLost: (names) => log.error('directory.writes_lost', { documents: names.length }),
    })
  // Without it the gateway serves whom the file names; all others are told to come again.
  await directory.sync().catch((error: unknown) => log.error('directory.silent', { error }))
  const sightings = createSightings({ directory, live, clock, log })
  closing.defer(() => sightings.settled())
  const audit = overrides.audit ?? (await ports.openAudit({ log, clock }))
  closing.defer(() => audit.close())
  const storeHealth =
    overrides.storeHealth ?? createStoreHealth({ clock, log, telemetry, stopwatch })
  const events = createEventQueue({
    config: () => live.current,
    log,
    telemetry,
    settle: async (store, hint) => {
      const { settleByEvent } = await settling()
      return settleByEvent(inBackground(context), store, hint)
    },
  })
  closing.defer(() => events.stop(0))
  const tokens = createTokenVerifiers(() => live.current, {
    clock,
    log,
    telemetry,
    hashing,
    fetch: send,
  })
  const context: AppContext = {
    live,
    directory,
    keyUses: createKeyUses({ state, clock, hashing }),
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
    hashing,
    random: ports.random,
    ledger,
    state,
    presigner: choosePresigner({ wanted: config.signing.presigner, hashing }),
    send,
    storeClient: countedStoreClient(
      createStoreClient({ fetch: send, health: storeHealth, md5: ports.md5 }),
      telemetry,
    ),
    storeHealth,
    knownPlaces: createKnownPlaces(stopwatch),
    audit,
    log,
    telemetry,
    accounts: createAccounts(() => live.current, ledger, hashing),
    capacity: createCapacity({
      ...{ ledger, state, hashing, stopwatch },
      onFull: createFullLog({ clock, log, telemetry }),
    }),
    localLimiter: createLocalLimiter(clock),
    completions: createCompletions(),
    probes: createProbes(),
    events,
    failOpenLog: createFailOpenLog({ clock, log }),
    shadowLog: createRareLog(clock, SHADOW_LOG_MS),
    accessLog: createRareLog(clock, ACCESS_LOG_MS),
    authenticate: createCallerAuthentication({
      byKey: createAuthenticator({
        hashing,
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
        hashing,
        tokens: () => live.secrets.adminToken,
      }),
      tokens,
    }),
    tokens,
    eventPorts: ports.openEventPorts(clock),
    lifecycle: { state: 'starting' },
    configStatus: createConfigStatus(clock),
    ...(ports.readMetrics !== undefined && { readMetrics: ports.readMetrics }),
    ...(ports.rawTargetOf !== undefined && { rawTargetOf: ports.rawTargetOf }),
    ...(ports.remoteAddressOf !== undefined && { remoteAddressOf: ports.remoteAddressOf }),
    ...overrides,
  }
  return context
}
