import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { bundleWorker } from '../../../deploy/cloudflare/bundle-worker.ts'
import { startWorker } from '../../support/worker-process.ts'
import type { SuiteRuntime } from '../app.suite.ts'

const SRC = join(import.meta.dirname, '../../../src/runtime')

/**
 * workerd as the suite needs it, over the bundle that is deployed: `workerd`, whose ledger lies in Durable
 * Objects, or `workerd-redis`, whose settings have to name a Redis.
 */
export function workerRuntime(
  program: string,
  entry: 'workerd' | 'workerd-redis' = 'workerd',
): SuiteRuntime {
  return {
    name: entry,
    readsAudit: false,
    keeping: () => ({ state: 'durable-objects:', audit: { file: 'stdout' } }),
    async start(settings, directory) {
      const worker = await startWorker({
        program,
        folder: await mkdtemp(join(directory, 'worker-')),
        modules: await bundleWorker({ entry: join(SRC, `${entry}.ts`), name: entry }),
        bindings: { SIGNET_CONFIG: JSON.stringify(settings) },
        ...(entry === 'workerd' && { objects: { LEDGER: 'LedgerObject' } }),
        entrypoints: ['default', 'admin'],
      })
      const [url = '', adminUrl = ''] = worker.urls.values()
      return {
        url,
        adminUrl,
        written: () => worker.stdout() + worker.stderr(),
        [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose](),
      }
    },
  }
}
