import { listenNode } from './listen-node.ts'
import { outliveReaders } from './outlive-readers.ts'
import { fail, run, runToEnd } from './run.ts'

/**
 * The gateway as a process, on every runtime that has Node's sockets and signals. All of them listen by
 * `node:http`: `Bun.serve` and `Deno.serve` answer a bare request at a third of the cost, but neither
 * bounds headers, connections, or the time that a request may take, and neither tells its raw target.
 */
export async function runProcess(): Promise<void> {
  outliveReaders()
  // Whatever nobody caught ends the process, and in order: requests under way get their answers.
  for (const event of ['unhandledRejection', 'uncaughtException'] as const) {
    process.on(event, (error: unknown) => {
      fail(error)
      // To those that listen here. A signal that is sent, even to oneself, takes a permission on Deno.
      process.emit('SIGTERM', 'SIGTERM')
    })
  }
  const file = process.env.SIGNET_CONFIG ?? 'config/signet.yaml'
  await runToEnd(run({ env: process.env, file, listen: listenNode }))
}
