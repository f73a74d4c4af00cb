import { keepCompiled } from './compile-cache.ts'

keepCompiled()
const { fail, run, runToEnd } = await import('./run.ts')

process.on('unhandledRejection', (error) => {
  fail(error)
  process.kill(process.pid, 'SIGTERM')
})

await runToEnd(run({ env: process.env, file: process.env.SIGNET_CONFIG ?? 'config/signet.yaml' }))
