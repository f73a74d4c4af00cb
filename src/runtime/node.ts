import './compile-cache.mjs'

// Later than that: what is imported here at once is compiled before anything is kept.
const { runProcess } = await import('./run-process.ts')
await runProcess()
