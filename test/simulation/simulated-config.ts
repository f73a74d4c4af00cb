import { createApiKey, hashApiKey } from '../../src/auth/api-key.ts'
import { OPERATIONS, type Principal } from '../../src/auth/principal.ts'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret } from '../../src/secret.ts'
import { CAPABLE_STORE, TEST_PEPPER } from '../support/test-config.ts'
import { testConfig } from '../support/test-gateway.ts'

/** Two tenants, so that one can be seen to leave the other alone. */
export const TENANTS = { acme: ['alice', 'bob'], globex: ['carol'] }
/** Shorter than in life, so that a simulated minute sees a whole upload. */
export const GRANT_SECONDS = 30
export const MAX_TRANSFER_SECONDS = 40
/** How long an upload of parts may be resumed. */
export const MULTIPART_SECONDS = 240
/** How long the ledger remembers what has ended. */
export const RETENTION_HOURS = 2

/** Parts as small as the objects are. */
const CAPABILITIES = {
  ...CAPABLE_STORE.capabilities,
  postPolicy: 'yes',
  multipart: 'yes',
  writeOnceMultipart: 'yes',
  minPartBytes: 1,
  preferredPartBytes: 250,
}

/** Limits that callers meet all the time: more than a third of what is asked for is refused. */
const PLAN = {
  rates: [
    { policy: 'user-requests', per: 'user', requests: 60, windowSeconds: 60, burst: 10 },
    { policy: 'tenant-requests', per: 'tenant', requests: 100, windowSeconds: 60, burst: 30 },
  ],
  quotas: [
    { policy: 'user-bytes-minute', per: 'user', unit: 'bytes', limit: 8_000, window: 'minute' },
    { policy: 'user-uploads-hour', per: 'user', unit: 'objects', limit: 900, window: 'hour' },
    { policy: 'user-requests-hour', per: 'user', unit: 'requests', limit: 3_000, window: 'hour' },
    { policy: 'user-pending', per: 'user', unit: 'pending-uploads', limit: 24 },
    { policy: 'user-stored', per: 'user', unit: 'stored-bytes', limit: 12_000 },
    { policy: 'tenant-stored', per: 'tenant', unit: 'stored-bytes', limit: 18_000 },
    { policy: 'tenant-objects', per: 'tenant', unit: 'stored-objects', limit: 36 },
    { policy: 'tenant-bytes-day', per: 'tenant', unit: 'bytes', limit: 5_000_000, window: 'day' },
  ],
}

/** The configuration before and after somebody lowered every quota; gateways may differ in it. */
export interface SimulatedConfig {
  readonly generous: Config
  readonly strict: Config
}

/** The configurations of simulated gateways, read by the front door. */
export async function simulatedConfig(): Promise<SimulatedConfig> {
  const lower = (limit: number) => Math.ceil(limit * 0.7)
  const quotas = PLAN.quotas.map((quota) => ({ ...quota, limit: lower(quota.limit) }))
  return { generous: await read(PLAN), strict: await read({ ...PLAN, quotas }) }
}

async function read(plan: Readonly<Record<string, unknown>>): Promise<Config> {
  const hashes = new Map<string, string>()
  const pepper = { version: 1, secret: new Secret(TEST_PEPPER) }
  for (const [tenant, users] of Object.entries(TENANTS)) {
    for (const user of users) {
      const key = createApiKey((length) => new Uint8Array(length), `${tenant}${user}`)
      hashes.set(`${tenant}/${user}`, hashApiKey(nodeHashing, pepper, key))
    }
  }
  const settings = testConfig(
    {
      tenants: TENANTS,
      timeZone: 'Europe/Berlin',
      plan,
      store: { maxTransferSeconds: MAX_TRANSFER_SECONDS, capabilities: CAPABILITIES },
      bucket: {
        // Users of a tenant share its keys, so that they overwrite and delete each other's objects.
        keys: { callerPrefix: '{tenant}/' },
        upload: { expiresInSeconds: GRANT_SECONDS },
      },
    },
    hashes,
  )
  const ledger = { retentionHours: RETENTION_HOURS }
  const text = JSON.stringify({ ...JSON.parse(settings), ledger })
  const { config } = await loadConfig(text, 'simulated.json', {
    env: {},
    readText: () => Promise.reject(new Error('no files')),
    hashing: nodeHashing,
  })
  return impatient(config)
}

/** With a lifetime of multipart uploads that no configuration may have: shorter than an hour. */
function impatient(config: Config): Config {
  const shorter = [...config.buckets].map(([name, bucket]) => {
    const upload = { ...bucket.upload, multipartLifetimeSeconds: MULTIPART_SECONDS }
    return [name, { ...bucket, upload }] as const
  })
  return { ...config, buckets: new Map(shorter) }
}

/** A user with a key for all of its tenant's objects. */
export function principalOf(tenant: string, user: string): Principal {
  return {
    tenant,
    user,
    keyId: `${tenant}${user}`,
    permissions: [
      {
        operations: new Set(OPERATIONS),
        buckets: new Set(['media']),
        prefix: `${tenant}/`,
      },
    ],
  }
}
