import { parseYamlTree } from '../config/yaml-tree.ts'
import { type CliIo, UsageError } from './cli-io.ts'

/**
 * Settings of `NAME=VALUE` arguments, each value YAML: `suspended=true`, `userPlans=[gold]`, `label=null`.
 * Throws `UsageError` for what is none, and for none at all.
 */
export function readAssignments(args: readonly string[]): Readonly<Record<string, unknown>> {
  const settings = new Map<string, unknown>()
  for (const text of args) {
    const [, name, value] = /^([A-Za-z][A-Za-z0-9]*)=(.*)$/s.exec(text) ?? []
    if (name === undefined || value === undefined) {
      throw new UsageError(`"${text}" is not NAME=VALUE`)
    }
    if (settings.has(name)) throw new UsageError(`"${name}" comes twice`)
    settings.set(name, readYaml(value, `"${name}"`))
  }
  if (settings.size === 0) throw new UsageError('Give one NAME=VALUE at least')
  return Object.fromEntries(settings)
}

/**
 * Settings of a file, YAML or JSON. Writes why to stderr and gives `undefined` when it cannot be read.
 * Throws `UsageError` for one that is no YAML.
 */
export async function readSettings(file: string, io: CliIo): Promise<unknown> {
  const text = await io.readText(file).catch(() => undefined)
  if (text === undefined) {
    io.stderr(`Cannot read ${file}\n`)
    return undefined
  }
  return readYaml(text, file) ?? {}
}

function readYaml(text: string, where: string): unknown {
  const { value, problems } = parseYamlTree(text)
  const [first] = problems
  if (first === undefined) return value
  throw new UsageError(`Cannot read ${where}: ${[...first.path, first.message].join(' ')}`)
}
