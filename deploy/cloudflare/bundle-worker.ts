import { mkdir, rm, writeFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { type OutputChunk, type Plugin, rolldown } from 'rolldown'

/**
 * Libraries for Node name its modules without the `node:` that workerd asks for, and require them, which no
 * module of a worker can.
 */
const builtinsByTheirNames: Plugin = {
  name: 'builtins-by-their-names',
  resolveId(name, _, { kind }) {
    if (!isBuiltin(name)) return undefined
    const id = name.startsWith('node:') ? name : `node:${name}`
    return kind === 'require-call' ? `\0${id}` : { id, external: true }
  },
  load(id) {
    if (!id.startsWith('\0node:')) return undefined
    return `import * as all from '${id.slice(1)}'
const { default: whole = all } = all
export { whole as 'module.exports' }`
  },
}

/** A module of a bundle. */
export interface WorkerModule {
  readonly fileName: string
  readonly code: string
  /** Files that are loaded before it. */
  readonly imports: readonly string[]
}

/**
 * Bundles a worker: one module for the start, `<name>.js`, with those that it imports, and others that it
 * loads when they are needed. The first one is the entry. Needs no file but the sources, and writes none.
 */
export async function bundleWorker({
  entry,
  name,
  minify = true,
}: {
  /** Path of the entry file. */
  readonly entry: string
  readonly name: string
  readonly minify?: boolean
}): Promise<readonly WorkerModule[]> {
  const bundle = await rolldown({
    input: { [name]: entry },
    platform: 'neutral',
    plugins: [builtinsByTheirNames],
    external: ['cloudflare:workers'],
    logLevel: 'silent',
    resolve: {
      conditionNames: ['workerd', 'worker', 'browser', 'import', 'default'],
      mainFields: ['browser', 'module', 'main'],
    },
  })
  try {
    const { output } = await bundle.generate({
      format: 'esm',
      minify,
      comments: false,
      entryFileNames: '[name].js',
      chunkFileNames: `${name}-[name].js`,
    })
    const chunks = output.filter((each): each is OutputChunk => each.type === 'chunk')
    return chunks
      .sort((one, other) => Number(other.isEntry) - Number(one.isEntry))
      .map(({ fileName, code, imports }) => ({ fileName, code, imports }))
  } finally {
    await bundle.close()
  }
}

/** Files that are loaded at the start, the entry among them. */
export function startOf(modules: readonly WorkerModule[]): readonly WorkerModule[] {
  const byName = new Map(modules.map((each) => [each.fileName, each]))
  const loaded = new Set<WorkerModule>(modules.slice(0, 1))
  for (const { imports } of loaded) {
    for (const name of imports) {
      const other = byName.get(name)
      if (other !== undefined) loaded.add(other)
    }
  }
  return [...loaded]
}

/**
 * Writes a bundle into a folder of its own, which is emptied first, and with it `modules.capnp`: the list of
 * its modules as plain workerd reads it.
 */
export async function writeWorker(folder: string, modules: readonly WorkerModule[]): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  for (const { fileName, code } of modules) await writeFile(join(folder, fileName), code)
  await writeFile(join(folder, 'modules.capnp'), modulesCapnp(modules))
}

function modulesCapnp(modules: readonly WorkerModule[]): string {
  const lines = modules.map(
    ({ fileName }) => `  (name = "${fileName}", esModule = embed "${fileName}"),`,
  )
  return `@0xa9c2d0f3b1e47586;
using Workerd = import "/workerd/workerd.capnp";
const modules :List(Workerd.Worker.Module) = [
${lines.join('\n')}
];
`
}
