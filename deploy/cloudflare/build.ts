import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { bundleWorker, startOf, type WorkerModule, writeWorker } from './bundle-worker.ts'

const RUNTIME = join(import.meta.dirname, '../../src/runtime')

for (const name of ['workerd', 'workerd-redis']) {
  const modules = await bundleWorker({ entry: join(RUNTIME, `${name}.ts`), name })
  await writeWorker(join(import.meta.dirname, 'dist', name), modules)
  const sizes = [`${sizeOf(startOf(modules))} at the start`, `${sizeOf(modules)} altogether`]
  process.stdout.write(`dist/${name}: ${sizes.join(', ')}\n`)
}

function sizeOf(modules: readonly WorkerModule[]): string {
  const kB = (bytes: number) => `${Math.ceil(bytes / 1_000)} kB`
  const codes = modules.map(({ code }) => Buffer.from(code))
  const bytes = codes.reduce((sum, code) => sum + code.length, 0)
  return `${kB(bytes)} (gzip ${kB(gzipSync(Buffer.concat(codes)).length)})`
}
