import { join } from 'node:path'
import { bundleWorker } from '../../deploy/cloudflare/bundle-worker.ts'
import { startWorker } from '../support/worker-process.ts'
import { describeGateway } from './app.suite.ts'
import { describeOnRuntimes } from './runtimes-under-test.ts'

const ENTRY = join(import.meta.dirname, '../../src/runtime/workerd.ts')

describeOnRuntimes(({ workerd }) =>
  describeGateway({
    name: 'workerd',
    readsAudit: false,
    keeping: () => ({ state: 'durable-objects:', audit: { file: 'stdout' } }),
    async start(settings, directory) {
      const worker = await startWorker({
        program: workerd,
        folder: directory,
        modules: await bundleWorker({ entry: ENTRY, name: 'workerd' }),
        bindings: { SIGNET_CONFIG: JSON.stringify(settings) },
        objects: { LEDGER: 'LedgerObject' },
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
  }),
)
