import { readPage } from '../../src/audit/read-back.ts'
import { createApiKey, hashApiKey } from '../../src/auth/api-key.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import type { AppContext } from '../../src/http/app-context.ts'
import { createAdminApp } from '../../src/http/create-admin-app.ts'
import { createApp } from '../../src/http/create-app.ts'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import { createLogger } from '../../src/log.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { openContext } from '../../src/runtime/open-context.ts'
import { Secret } from '../../src/secret.ts'
import { watch, watchAnswers, watchMetrics, watchSpans } from './leak-watch.ts'
import { TestClock } from './test-clock.ts'
import {
  CAPABLE_STORE,
  ROOMY_PLAN,
  TEST_ADMIN_TOKEN,
  TEST_PEPPER,
  TEST_TICKET_KEY,
} from './test-config.ts'

/** One allow rule of a test's key; members left out have the defaults of `ALLOW_ALL`. */
export interface TestAllow {
  readonly operations?: readonly string[]
  readonly buckets?: readonly string[]
  readonly prefix?: string
  readonly [member: string]: unknown
}

/** What a test gateway is made of: each member replaces the default of its name. */
export interface TestGatewayOptions {
  /** Members of the store `main`, over `CAPABLE_STORE`. */
  readonly store?: Readonly<Record<string, unknown>>
  /** More stores by name, each over `CAPABLE_STORE`. */
  readonly stores?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** Members of the bucket `media`. */
  readonly bucket?: Readonly<Record<string, unknown>>
  /** More buckets, whole. */
  readonly buckets?: Readonly<Record<string, unknown>>
  /** The only plan. Default: `ROOMY_PLAN`. */
  readonly plan?: Readonly<Record<string, unknown>>
  readonly server?: Readonly<Record<string, unknown>>
  /** Users by tenant. Default: alice and bob of acme, carol of globex. */
  readonly tenants?: Readonly<Record<string, readonly string[]>>
  /** Time zone of every tenant. Default UTC. */
  readonly timeZone?: string
  /** More members of single tenants, by id; they replace what is made from the other options. */
  readonly tenantSettings?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** Rules of a user's key, by `tenant/user`. Default: everything below `<tenant>/<user>/`. */
  readonly allow?: Readonly<Record<string, readonly TestAllow[]>>
  /** Issuers of tokens, by name. Default none. */
  readonly issuers?: Readonly<Record<string, unknown>>
  /** `admin`. */
  readonly admin?: Readonly<Record<string, unknown>>
  /**
   * URL of the state, whose port is among the overrides then. Default `memory:`, by which nobody else can
   * change anything; with another one the directory may be stale.
   */
  readonly stateUrl?: string
  readonly clock?: TestClock
  /** The ledger as `openContext` opens it, instead of a bare one in memory. Default false. */
  readonly openedLedger?: boolean
  /** Ports to replace; the ledger is in memory unless one is given. */
  readonly overrides?: Partial<AppContext>
}

/** A gateway without a network: two applications, and what tests need beside them. */
export interface TestGateway {
  readonly app: ReturnType<typeof createApp>
  readonly admin: ReturnType<typeof createAdminApp>
  readonly context: AppContext
  readonly clock: TestClock
  /** Lines of the log at its most verbose level. */
  readonly log: string[]
  /** Events of the audit log, in order. */
  readonly audited: Record<string, unknown>[]
  /** The API key of `tenant/user`. Default `acme/alice`. */
  key(who?: string): string
  /** A request to the public API as `who`, with a JSON body where one is given. */
  call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Response>
  close(): Promise<void>
}

export interface CallOptions {
  readonly who?: string
  readonly headers?: Readonly<Record<string, string>>
}

const DEFAULT_TENANTS = { acme: ['alice', 'bob'], globex: ['carol'] }
const OPERATIONS = ['upload', 'download', 'list', 'delete']

/**
 * Settings in the contract's own form, as JSON, which takes far less time to read than other YAML.
 * `keys` are made for every user.
 */
export function testConfig(options: TestGatewayOptions, keys: ReadonlyMap<string, string>): string {
  const tenants = options.tenants ?? DEFAULT_TENANTS
  return JSON.stringify({
    server: { listen: '127.0.0.1:0', admin: '127.0.0.1:0', ...options.server },
    state: options.stateUrl ?? 'memory:',
    audit: { file: 'none' },
    secrets: { pepper: TEST_PEPPER, ticketKey: TEST_TICKET_KEY, adminToken: TEST_ADMIN_TOKEN },
    stores: {
      main: { ...CAPABLE_STORE, ...options.store },
      ...Object.fromEntries(
        Object.entries(options.stores ?? {}).map(([name, store]) => [
          name,
          { ...CAPABLE_STORE, ...store },
        ]),
      ),
    },
    buckets: {
      media: {
        placements: [{ store: 'main', bucket: 'media-prod' }],
        keys: { callerPrefix: '{tenant}/{user}/' },
        ...options.bucket,
      },
      ...options.buckets,
    },
    plans: { test: options.plan ?? ROOMY_PLAN },
    issuers: options.issuers ?? {},
    admin: options.admin ?? {},
    tenants: Object.fromEntries(
      Object.entries(tenants).map(([tenant, users]) => [
        tenant,
        {
          plan: 'test',
          timeZone: options.timeZone ?? 'UTC',
          users: Object.fromEntries(users.map((user) => [user, {}])),
          keys: users.map((user) => ({
            id: keyId(tenant, user),
            user,
            hash: keys.get(`${tenant}/${user}`),
            allow: (options.allow?.[`${tenant}/${user}`] ?? [{}]).map((rule) => ({
              operations: OPERATIONS,
              buckets: ['media', ...Object.keys(options.buckets ?? {})],
              prefix: `${tenant}/${user}/`,
              ...rule,
            })),
          })),
          ...options.tenantSettings?.[tenant],
        },
      ]),
    ),
  })
}

/** Opens a gateway by its front door: settings, `loadConfig`, `openContext`, `createApp`. */
export async function openTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const clock = options.clock ?? new TestClock()
  const apiKeys = new Map<string, string>()
  const hashes = new Map<string, string>()
  for (const [tenant, users] of Object.entries(options.tenants ?? DEFAULT_TENANTS)) {
    for (const user of users) {
      const secret = createApiKey(
        (length) => crypto.getRandomValues(new Uint8Array(length)),
        keyId(tenant, user),
      )
      apiKeys.set(`${tenant}/${user}`, secret.reveal())
      const pepper = { version: 1, secret: new Secret(TEST_PEPPER) }
      hashes.set(`${tenant}/${user}`, hashApiKey(nodeHashing, pepper, secret))
    }
  }
  const { config, secrets } = await loadConfig(testConfig(options, hashes), 'test.yaml', {
    env: {},
    readText: () => Promise.reject(new Error('no files')),
    hashing: nodeHashing,
  })
  const closing = new AsyncDisposableStack()
  const log: string[] = []
  const audited: Record<string, unknown>[] = []
  const write = (line: string) => {
    watch('log', line)
    log.push(line)
  }
  const context = await openContext(config, secrets, closing, {
    clock,
    ...(options.openedLedger !== true && { ledger: openMemoryLedger({ clock }) }),
    log: createLogger({ write, clock, level: 'debug' }),
    audit: {
      async append(event) {
        watch('audit', JSON.stringify(event))
        audited.push({ ...event })
      },
      async query(query) {
        const texts = audited.map((event) => JSON.stringify(event)).reverse()
        const records = texts.map((text) => ({ position: '', text }))
        return readPage(query, { readBack: async () => ({ records }), maxStretches: 1 })
      },
      async close() {},
    },
    ...options.overrides,
  })
  watchSpans(context)
  watchMetrics(context, closing)
  context.lifecycle.state = 'ready'
  const app = watchAnswers(createApp(context))
  const key = (who = 'acme/alice') => apiKeys.get(who) ?? ''
  return {
    app,
    admin: watchAnswers(createAdminApp(context)),
    context,
    clock,
    log,
    audited,
    key,
    async call(method, path, body, { who, headers } = {}) {
      return app.request(path, {
        method,
        headers: {
          authorization: `Bearer ${key(who)}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
    },
    close: () => closing.disposeAsync(),
  }
}

/** A well-formed upload request; a test changes what it is about. */
export function uploadBody(changes: Readonly<Record<string, unknown>> = {}) {
  return {
    bucket: 'media',
    key: 'acme/alice/cat.jpg',
    sizeBytes: 1_000,
    contentType: 'image/jpeg',
    ...changes,
  }
}

function keyId(tenant: string, user: string): string {
  return `${tenant}${user}`.replace(/[^A-Za-z0-9]/g, '')
}
