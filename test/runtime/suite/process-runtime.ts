import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NODE_ENTRY, type StartOptions, startGateway } from '../../support/gateway-process.ts'
import type { SuiteRuntime } from '../app.suite.ts'

/** Node as `npm start` runs it. */
export const NODE: SuiteRuntime = processRuntime('Node', () => ({}))

/** `bun src/runtime/bun.ts`. */
export function bunRuntime(program: string): SuiteRuntime {
  return processRuntime('Bun', () => ({ command: program, entry: entryOf('bun') }))
}

/** Deno with no permission but loopback, the folder of its data, and the one variable that names it. */
export function denoRuntime(program: string): SuiteRuntime {
  return processRuntime('Deno', (directory) => ({
    command: program,
    entry: entryOf('deno'),
    flags: [
      'run',
      '--allow-net=127.0.0.1',
      `--allow-read=${directory}`,
      `--allow-write=${directory}`,
      '--allow-env=SIGNET_CONFIG',
      '--ignore-env',
    ],
  }))
}

/**
 * A runtime that has files and signals: the ledger in SQLite and the audit log in a file, both in the
 * test's folder. `start` says how a gateway of a folder is started.
 */
function processRuntime(name: string, start: (directory: string) => StartOptions): SuiteRuntime {
  return {
    name,
    readsAudit: true,
    keeping: (directory) => ({
      state: `sqlite:${join(directory, 'signet.db')}`,
      audit: { file: join(directory, 'audit.jsonl') },
    }),
    async start(settings, directory) {
      const file = join(directory, `${name}.json`)
      await writeFile(file, JSON.stringify(settings))
      const child = await startGateway({ file }, start(directory))
      return {
        ...child,
        written: () => child.stdout() + child.stderr(),
        process: child,
      }
    },
  }
}

function entryOf(runtime: string): string {
  return NODE_ENTRY.replace('node.ts', `${runtime}.ts`)
}
