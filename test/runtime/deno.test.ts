import { describeGateway } from './app.suite.ts'
import { describeOnRuntimes } from './runtimes-under-test.ts'
import { denoRuntime } from './suite/process-runtime.ts'

describeOnRuntimes(({ deno }) => describeGateway(denoRuntime(deno)))
