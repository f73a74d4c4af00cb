import { join } from 'node:path'
import { bundleWorker } from '../../../deploy/cloudflare/bundle-worker.ts'
import { startWorker } from '../../support/worker-process.ts'
import type { SuiteRuntime } from '../app.suite.ts'

/** Workerd with its ledger in Durable Objects, whose databases lie in the test's folder. */
export function objectsRuntime(program: string): SuiteRuntime {
  return workerRuntime(program, { name: 'workerd', objects: { LEDGER: 'LedgerObject' } })
}

/** Workerd with its ledger on Redis. */
export function redisWorkerRuntime(program: string): SuiteRuntime {
  return workerRuntime(program, { name: 'workerd-redis' })
}

/** `name`: of the entry file, and of the bundle. */
function workerRuntime(
  program: string,
  { name, objects = {} }: { name: string; objects?: Readonly<Record<string, string>> },
): SuiteRuntime {
  return {
    name,
    readsAudit: false,
    keeping: () => ({ state: 'durable-objects:', audit: { file: 'stdout' } }),
    async start(settings, directory) {
      const entry = join(import.meta.dirname, `../../../src/runtime/${name}.ts`)
      const worker = await startWorker({
        program,
        folder: directory,
        modules: await bundleWorker({ entry, name }),
        bindings: { SIGNET_CONFIG: JSON.stringify(settings) },
        objects,
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
