import { runProcess } from './run-process.ts'

// The process that runs on Node, by Deno's own sockets, SQLite and signals. It needs to listen and to call
// (stores, Redis, issuers), to read the configuration and files that it names, to write the folders of
// ledger and audit log, and variables that the configuration names; whatever else a library asks for of the
// environment is as if it was not set:
//
//   deno run --allow-net=… --allow-read=… --allow-write=… --allow-env=SIGNET_CONFIG,… --ignore-env \
//     src/runtime/deno.ts
await runProcess()
