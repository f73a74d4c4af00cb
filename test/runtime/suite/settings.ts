import { createApiKey, hashApiKey } from '../../../src/auth/api-key.ts'
import { nodeHashing } from '../../../src/runtime/node-hashing.ts'
import { Secret } from '../../../src/secret.ts'
import { storeSettings } from '../../gateway/gateway-on-store.ts'
import { EVENT_SECRET } from '../../stores/events/events-fixture.ts'
import { APP_ORIGIN, type StoreUnderTest } from '../../support/stores/stores-under-test.ts'
import {
  ROOMY_PLAN,
  TEST_ADMIN_TOKEN,
  TEST_PEPPER,
  TEST_TICKET_KEY,
} from '../../support/test-config.ts'

/** The smallest part that a store takes before the last one, in bytes. */
export const PART_BYTES = 5 * 2 ** 20
/** Largest object of the bucket `media`, in bytes. */
export const MAX_OBJECT_BYTES = 4 * PART_BYTES
/** What `counted` may upload in a month. */
export const COUNTED_OBJECTS = 10
/** What `slow` may ask within an hour. */
export const SLOW_REQUESTS = 3
/** What the tenants beside `acme` may store each, in bytes. */
export const SMALL_BYTES = 3_000

/** Limits that a test uses up belong to a user of its own, so that no test meets those of another. */
const PLANS = {
  roomy: ROOMY_PLAN,
  counted: {
    quotas: [
      {
        policy: 'counted-objects',
        per: 'user',
        unit: 'objects',
        limit: COUNTED_OBJECTS,
        window: 'month',
      },
    ],
  },
  slow: {
    rates: [
      {
        policy: 'slow-requests',
        per: 'user',
        requests: SLOW_REQUESTS,
        windowSeconds: 3_600,
        burst: SLOW_REQUESTS,
      },
    ],
  },
  parked: {
    quotas: [{ policy: 'parked-uploads', per: 'user', unit: 'pending-uploads', limit: 1 }],
  },
  small: {
    quotas: [
      { policy: 'small-stored', per: 'tenant', unit: 'stored-bytes', limit: SMALL_BYTES },
      { policy: 'small-bytes', per: 'user', unit: 'bytes', limit: 2_000, window: 'month' },
    ],
  },
} as const

const OPERATIONS = ['upload', 'download', 'list', 'delete']

/** Who there is: `tenant/user`, with the plan and the operations of each. */
const PEOPLE: Readonly<Record<string, { plan?: keyof typeof PLANS; operations?: string[] }>> = {
  'acme/alice': { operations: [...OPERATIONS, 'overwrite'] },
  'acme/bob': {},
  'acme/reader': { operations: ['download'] },
  'acme/counted': { plan: 'counted' },
  'acme/slow': { plan: 'slow' },
  'acme/parked': { plan: 'parked' },
  'acme/idle': {},
  'small/dora': {},
  'small/erik': {},
  'brief/gina': {},
  'late/hugo': {},
}

/** Where a gateway keeps what it knows, as its runtime can. */
export interface SuiteKeeping {
  /** `state` of the configuration. */
  readonly state: string
  /** `audit` of the configuration. */
  readonly audit: Readonly<Record<string, unknown>>
}

/** A configuration in YAML's JSON form, and the API keys of its users by `tenant/user`. */
export interface SuiteSettings {
  readonly settings: Readonly<Record<string, unknown>>
  readonly keys: ReadonlyMap<string, string>
}

/**
 * The configuration that the suite asks things of, the same on every runtime: one real store, the buckets
 * `media`, whose objects callers name, and `named`, whose objects get their names.
 */
export function suiteSettings(
  store: StoreUnderTest,
  storeBucket: string,
  { state, audit }: SuiteKeeping,
): SuiteSettings {
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
  const keys = new Map<string, string>()
  const tenants: Record<string, { users: Record<string, unknown>; keys: unknown[] }> = {}
  for (const [who, { plan, operations = OPERATIONS }] of Object.entries(PEOPLE)) {
    const [tenant = '', user = ''] = who.split('/')
    const secret = createApiKey(random, `${tenant}${user}`)
    keys.set(who, secret.reveal())
    const settings = tenants[tenant] ?? { users: {}, keys: [] }
    tenants[tenant] = settings
    settings.users[user] = plan === undefined ? {} : { plan }
    settings.keys.push({
      id: `${tenant}${user}`,
      user,
      hash: hashApiKey(nodeHashing, { version: 1, secret: new Secret(TEST_PEPPER) }, secret),
      allow: [{ operations, buckets: ['media', 'named'], prefix: `${who}/` }],
    })
  }
  const { capabilities, ...known } = storeSettings(store)
  const placements = [{ store: 'main', bucket: storeBucket }]
  const settings = {
    server: {
      listen: '127.0.0.1:0',
      admin: '127.0.0.1:0',
      cors: { origins: [APP_ORIGIN] },
      shutdownDelaySeconds: 1,
    },
    state,
    audit,
    secrets: { pepper: TEST_PEPPER, ticketKey: TEST_TICKET_KEY, adminToken: TEST_ADMIN_TOKEN },
    stores: {
      main: {
        ...known,
        addressing: 'path',
        probe: 'manual',
        maxTransferSeconds: 1,
        events: { secret: EVENT_SECRET, shape: 'minio' },
        capabilities: {
          ...(capabilities as object),
          preferredPartBytes: PART_BYTES,
          writeOnceMultipart: 'no',
        },
      },
    },
    buckets: {
      media: {
        placements,
        keys: { callerPrefix: '{tenant}/{user}/' },
        upload: {
          maxSizeBytes: MAX_OBJECT_BYTES,
          // No other store here has tags, and a configuration must not offer what is not kept.
          ...(store.kind === 'ceph' && { tagKeys: ['album'] }),
        },
      },
      named: { placements, keys: { template: '{tenant}/{user}/{uuid}-{filename}' } },
    },
    plans: PLANS,
    tenants: Object.fromEntries(
      Object.entries(tenants).map(([tenant, people]) => [
        tenant,
        { plan: tenant === 'acme' ? 'roomy' : 'small', timeZone: 'UTC', ...people },
      ]),
    ),
  }
  return { settings, keys }
}
