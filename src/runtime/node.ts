import { keepCompiled } from './compile-cache.ts'

keepCompiled()
const { runProcess } = await import('./run-process.ts')
await runProcess()
