import { fail, run } from './run.ts'

process.on('unhandledRejection', (error) => {
  fail(error)
  process.kill(process.pid, 'SIGTERM')
})

run({ env: process.env, file: process.env.SIGNET_CONFIG ?? 'config/signet.yaml' }).catch(fail)
