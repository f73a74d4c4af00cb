import { describeGateway } from './app.suite.ts'
import { describeOnRuntimes } from './runtimes-under-test.ts'
import { objectsRuntime } from './suite/worker-runtime.ts'

describeOnRuntimes(({ workerd }) => describeGateway(objectsRuntime(workerd)))
