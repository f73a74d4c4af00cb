import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type StartOptions, startGateway } from '../../support/gateway-process.ts'
import type { SuiteRuntime } from '../app.suite.ts'

/**
 * A runtime that has files and signals: the ledger in SQLite and the audit log in a file, both in the
 * test's folder. `start` says how a gateway of a folder is started. Default: as on Node.
 */
export function processRuntime(
  name: string,
  start: (directory: string) => StartOptions = () => ({}),
): SuiteRuntime {
  return {
    name,
    readsAudit: true,
    keeping: (directory) => ({
      state: `sqlite:${join(directory, 'signet.db')}`,
      audit: { file: join(directory, 'audit.jsonl') },
    }),
    async start(settings, directory) {
      const file = join(directory, 'signet.json')
      await writeFile(file, JSON.stringify(settings))
      const child = await startGateway({ file }, start(directory))
      return {
        ...child,
        written: () => child.stdout() + child.stderr(),
        async stop() {
          child.kill('SIGTERM')
          return (await child.ended).code
        },
      }
    },
  }
}
