import { describeGateway } from './app.suite.ts'
import { processRuntime } from './suite/process-runtime.ts'

describeGateway(processRuntime('Node'))
