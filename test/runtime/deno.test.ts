import { NODE_ENTRY } from '../support/gateway-process.ts'
import { describeGateway } from './app.suite.ts'
import { describeOnRuntimes } from './runtimes-under-test.ts'
import { processRuntime } from './suite/process-runtime.ts'

const ENTRY = NODE_ENTRY.replace('node.ts', 'deno.ts')

describeOnRuntimes(({ deno }) =>
  describeGateway(
    processRuntime('Deno', (directory) => ({
      command: deno,
      flags: [
        'run',
        '--allow-net=127.0.0.1',
        `--allow-read=${directory}`,
        `--allow-write=${directory}`,
        '--allow-env=SIGNET_CONFIG',
        '--ignore-env',
      ],
      entry: ENTRY,
    })),
  ),
)
