import { expect } from 'vitest'
import { stringify } from 'yaml'
import type { ConfigSources, LoadedConfig } from '../../src/config/load-config.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { ConfigError, formatProblem } from '../../src/config/problem.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'

/** Members to change, by dotted path like `buckets.media.upload.writeOnce`; `undefined` takes one out. */
export type Changes = Readonly<Record<string, unknown>>

/** Secrets that a loaded configuration must never show. */
export const CANARIES = {
  pepper: 'canary-pepper-5fd2c0e1a9b84763d2f1',
  ticketKey: 'canary-ticket-8c1e77a04bd94f52a6e3',
  adminToken: 'canary-admin-1b9f3d6c8e0a4725f7d8',
  store: 'canary-store-secret-90ab12cd34ef',
}

/** The smallest configuration with something of everything. */
function base(): Record<string, unknown> {
  return {
    secrets: {
      pepper: CANARIES.pepper,
      ticketKey: CANARIES.ticketKey,
      adminToken: CANARIES.adminToken,
    },
    stores: {
      main: {
        provider: 'aws',
        endpoint: 'https://s3.eu-central-1.amazonaws.com',
        region: 'eu-central-1',
        credentials: { accessKeyId: 'AKIATEST', secretAccessKey: CANARIES.store },
      },
    },
    buckets: {
      media: {
        placements: [{ store: 'main', bucket: 'media-prod' }],
        keys: { template: '{tenant}/{user}/{date}/{uuid}-{filename}' },
      },
    },
    plans: {
      standard: {
        rates: [{ policy: 'user-requests', per: 'user', requests: 60, windowSeconds: 60 }],
        quotas: [
          { policy: 'user-bytes-day', per: 'user', unit: 'bytes', limit: 1000, window: 'day' },
          { policy: 'tenant-stored', per: 'tenant', unit: 'stored-bytes', limit: 10_000 },
        ],
      },
    },
    tenants: {
      acme: {
        plan: 'standard',
        users: { alice: {}, bob: {} },
        keys: [
          {
            id: 'k1',
            user: 'alice',
            hash: `v1:${'A'.repeat(43)}`,
            allow: [{ operations: ['upload'], buckets: ['media'], prefix: 'acme/alice/' }],
          },
        ],
      },
    },
  }
}

/** YAML of the smallest configuration, changed. */
export function configText(changes: Changes = {}): string {
  const root = base()
  for (const [path, value] of Object.entries(changes)) {
    const steps = path.split('.')
    const last = steps.pop() ?? ''
    let at = root
    for (const step of steps) {
      at[step] ??= {}
      at = at[step] as Record<string, unknown>
    }
    if (value === undefined) delete at[last]
    else at[last] = value
  }
  return stringify(root)
}

/** What a configuration reads from outside: only what a test gives. */
export function sources(
  given: { env?: Record<string, string>; files?: Record<string, string> } = {},
): ConfigSources {
  const { env = {}, files = {} } = given
  return {
    env,
    hashing: nodeHashing,
    readText(path) {
      const text = files[path]
      return text === undefined
        ? Promise.reject(new Error(`ENOENT ${path}`))
        : Promise.resolve(text)
    },
  }
}

/** Loads the smallest configuration, changed. */
export function load(
  changes: Changes = {},
  given?: Parameters<typeof sources>[0],
): Promise<LoadedConfig> {
  return loadConfig(configText(changes), 'signet.yaml', sources(given))
}

/** All problems of a text, as they are printed without file and place; empty when it loads. */
export async function problemsOf(
  text: string,
  given?: Parameters<typeof sources>[0],
): Promise<string[]> {
  return (
    (await errorOf(text, given))?.problems.map(({ path, message }) => `${path}: ${message}`) ?? []
  )
}

/** Problems as they are printed. */
export async function linesOf(text: string): Promise<string[]> {
  return (await errorOf(text))?.problems.map(formatProblem) ?? []
}

/** Warnings of the smallest configuration, changed, which must load. */
export async function warningsOf(changes: Changes): Promise<string[]> {
  return (await load(changes)).warnings.map(({ path, message }) => `${path}: ${message}`)
}

/** The error that a text is refused with; `undefined` when it loads. Anything else is thrown on. */
export async function errorOf(
  text: string,
  given?: Parameters<typeof sources>[0],
): Promise<ConfigError | undefined> {
  try {
    await loadConfig(text, 'signet.yaml', sources(given))
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  return undefined
}

/** Expects one problem and no other in the smallest configuration, changed. */
export async function expectProblem(changes: Changes, problem: string): Promise<void> {
  expect(await problemsOf(configText(changes))).toEqual([problem])
}
