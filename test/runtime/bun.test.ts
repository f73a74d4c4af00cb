import { NODE_ENTRY } from '../support/gateway-process.ts'
import { describeGateway } from './app.suite.ts'
import { describeOnRuntimes } from './runtimes-under-test.ts'
import { processRuntime } from './suite/process-runtime.ts'

const ENTRY = NODE_ENTRY.replace('node.ts', 'bun.ts')

describeOnRuntimes(({ bun }) =>
  describeGateway(processRuntime('Bun', () => ({ command: bun, entry: ENTRY }))),
)
