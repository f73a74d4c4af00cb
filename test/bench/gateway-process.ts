import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createApiKey, hashApiKey } from '../../src/auth/api-key.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret } from '../../src/secret.ts'
import { BENCH_PLAN } from './bench-plan.ts'
import type { ChildOptions } from './children.ts'

const NODE_ENTRY = join(import.meta.dirname, '../../src/runtime/node.ts')
const PEPPER = 'pepper-for-the-bench-0123456789abcdefgh'

/** A gateway that can be started, and a key that it will know. */
export interface PreparedGateway {
  readonly child: ChildOptions
  readonly apiKey: string
}

/**
 * Writes the configuration of a gateway with `BENCH_PLAN`, one user and one key into a new folder,
 * where its data will be too. Nobody listens at its store: creating uploads does not call it.
 */
export function prepareGateway(
  parent: string,
  { name, state, port = 0 }: { name: string; state: string; port?: number },
): PreparedGateway {
  const cwd = join(parent, name)
  mkdirSync(cwd)
  const key = createApiKey((length) => crypto.getRandomValues(new Uint8Array(length)), 'bench')
  const hash = hashApiKey(nodeHashing, { version: 1, secret: new Secret(PEPPER) }, key)
  const file = join(cwd, 'signet.yaml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(settings({ state, port, hash }), null, 2))
  return {
    child: { args: [NODE_ENTRY], cwd, env: { SIGNET_CONFIG: file } },
    apiKey: key.reveal(),
  }
}

function settings({ state, port, hash }: { state: string; port: number; hash: string }): object {
  return {
    server: { listen: `127.0.0.1:${port}`, admin: '127.0.0.1:0' },
    state,
    audit: { file: './audit.jsonl' },
    secrets: {
      pepper: PEPPER,
      ticketKey: 'ticket-key-for-the-bench-0123456789abcd',
      adminToken: 'Adm1n-token-for-the-bench-9f2c7e1b4a6d80',
    },
    stores: {
      main: {
        provider: 'generic',
        endpoint: 'http://127.0.0.1:9',
        region: 'us-east-1',
        addressing: 'path',
        credentials: {
          accessKeyId: 'AKIAEXAMPLEBENCH0001',
          secretAccessKey: 'bench+secret/012345',
        },
        // Nobody listens there.
        probe: 'manual',
        capabilities: {
          signedLength: 'yes',
          signedType: 'yes',
          writeOnce: 'if-none-match',
          unsignedCopySource: 'closed',
          unsignedHeaders: 'reject',
        },
      },
    },
    buckets: {
      media: {
        placements: [{ store: 'main', bucket: 'media-prod' }],
        keys: { template: '{tenant}/{user}/{date}/{uuid}-{filename}' },
        upload: { maxSizeBytes: 2 ** 30, contentTypes: ['image/jpeg'], writeOnce: true },
      },
    },
    plans: { bench: { rates: BENCH_PLAN.rates, quotas: BENCH_PLAN.quotas } },
    tenants: {
      acme: {
        plan: 'bench',
        users: { alice: {} },
        keys: [
          {
            id: 'bench',
            user: 'alice',
            hash,
            allow: [{ operations: ['upload'], buckets: ['media'], prefix: 'acme/alice/' }],
          },
        ],
      },
    },
  }
}
