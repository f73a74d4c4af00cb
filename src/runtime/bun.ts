import { runProcess } from './run-process.ts'

// `bun src/runtime/bun.ts`: the process that runs on Node, by Bun's own sockets, SQLite and signals.
await runProcess()
