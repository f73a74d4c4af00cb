import { describeGateway } from './app.suite.ts'
import { NODE } from './suite/process-runtime.ts'

describeGateway(NODE)
