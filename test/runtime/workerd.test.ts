import { describeGateway } from './app.suite.ts'
import { describeOnRuntimes } from './runtimes-under-test.ts'
import { workerRuntime } from './suite/worker-runtime.ts'

describeOnRuntimes(({ workerd }) => describeGateway(workerRuntime(workerd)))
