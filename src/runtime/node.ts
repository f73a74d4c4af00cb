import { keepCompiled } from './compile-cache.ts'

keepCompiled()
const { listenNode } = await import('./listen-node.ts')
const { outliveReaders } = await import('./outlive-readers.ts')
const { fail, run, runToEnd } = await import('./run.ts')

outliveReaders()

// Whatever nobody caught ends the process, and in order: requests under way get their answers.
for (const event of ['unhandledRejection', 'uncaughtException'] as const) {
  process.on(event, (error: unknown) => {
    fail(error)
    process.kill(process.pid, 'SIGTERM')
  })
}

const file = process.env.SIGNET_CONFIG ?? 'config/signet.yaml'
await runToEnd(run({ env: process.env, file, listen: listenNode }))
