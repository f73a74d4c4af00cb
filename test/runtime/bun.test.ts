import { describeGateway } from './app.suite.ts'
import { describeOnRuntimes } from './runtimes-under-test.ts'
import { bunRuntime } from './suite/process-runtime.ts'

describeOnRuntimes(({ bun }) => describeGateway(bunRuntime(bun)))
