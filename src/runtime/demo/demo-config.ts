import type { EmbeddedStore } from './embedded-store.ts'

/** What the demo's configuration depends on. */
export interface DemoSettings {
  readonly port: number
  readonly adminPort: number
  readonly directory: string
  readonly store: Pick<EmbeddedStore, 'url' | 'accessKeyId' | 'secretAccessKey'>
  /** Hash of the demo's API key. */
  readonly keyHash: string
  /** Pages that may call the API. */
  readonly origins: readonly string[]
}

export const DEMO_BUCKET = 'media'

/**
 * The demo's configuration, in YAML's JSON form. What the embedded store keeps is said by its profile:
 * signatures, lengths and types, but neither write-once nor checksums; that shows in `guarantees`.
 */
export function demoConfig(settings: DemoSettings): string {
  const { port, adminPort, directory, store, keyHash, origins } = settings
  return JSON.stringify(
    {
      server: {
        listen: `127.0.0.1:${port}`,
        admin: `127.0.0.1:${adminPort}`,
        cors: { origins },
      },
      state: `sqlite:${directory}/signet.db`,
      audit: { file: `${directory}/audit.jsonl` },
      secrets: {
        pepper: `file:${directory}/pepper`,
        ticketKey: `file:${directory}/ticket.key`,
        adminToken: `file:${directory}/admin.token`,
      },
      stores: {
        embedded: {
          provider: 'embedded',
          endpoint: store.url,
          region: 'us-east-1',
          addressing: 'path',
          credentials: { accessKeyId: store.accessKeyId, secretAccessKey: store.secretAccessKey },
          maxTransferSeconds: 60,
        },
      },
      buckets: {
        [DEMO_BUCKET]: {
          placements: [{ store: 'embedded', bucket: 'media' }],
          keys: { template: '{tenant}/{user}/{date}/{uuid}-{filename}' },
          upload: { maxSizeBytes: 100 * 2 ** 20 },
        },
      },
      plans: {
        demo: {
          rates: [
            {
              policy: 'user-requests',
              per: 'user',
              requests: 6_000,
              windowSeconds: 60,
              burst: 2_000,
            },
          ],
          quotas: [
            { policy: 'user-bytes-day', per: 'user', unit: 'bytes', limit: 2 ** 30, window: 'day' },
            {
              policy: 'user-uploads-day',
              per: 'user',
              unit: 'objects',
              limit: 10_000,
              window: 'day',
            },
            { policy: 'tenant-stored', per: 'tenant', unit: 'stored-bytes', limit: 10 * 2 ** 30 },
            { policy: 'user-pending', per: 'user', unit: 'pending-uploads', limit: 1_000 },
          ],
        },
      },
      tenants: {
        acme: {
          plan: 'demo',
          users: { alice: {} },
          keys: [
            {
              id: 'demo',
              user: 'alice',
              hash: keyHash,
              allow: [
                {
                  operations: ['upload', 'download', 'list', 'delete'],
                  buckets: [DEMO_BUCKET],
                  prefix: 'acme/alice/',
                },
              ],
            },
          ],
        },
      },
    },
    null,
    2,
  )
}
