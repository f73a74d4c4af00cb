import type { Path } from './problem.ts'
import type { Report } from './report.ts'

/** Where values that are not in the file come from. */
export interface ReferenceSources {
  /** Environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Reads a UTF-8 file; rejects when it cannot. */
  readonly readText: (path: string) => Promise<string>
}

const MAX_SECRET_CHARACTERS = 64 * 1024

/**
 * A copy of the tree with `${NAME}` replaced in every text, and `file:PATH` by the file's content in
 * members that hold secrets. Paths hang on the folder of the configuration file; exactly one
 * newline at the end of a file is removed. What cannot be had is reported and left as it is.
 */
export async function resolveReferences(
  tree: unknown,
  file: string,
  sources: ReferenceSources & { readonly report: Report },
): Promise<unknown> {
  const { env, readText, report } = sources

  function unresolved(path: Path, message: string): void {
    report.problem(path, message)
    report.settled(path)
  }

  function expand(text: string, path: Path): string {
    return text.replace(/\$\{([^}]*)\}?/g, (whole, name: string) => {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || !whole.endsWith('}')) {
        unresolved(path, 'must hold "${" only before the name of an environment variable')
        return whole
      }
      const value = Object.hasOwn(env, name) ? env[name] : undefined
      if (value !== undefined && value !== '') return value
      unresolved(path, `needs the environment variable "${name}", which is not set`)
      return whole
    })
  }

  async function contentOf(path: Path, target: string): Promise<string> {
    try {
      const content = await readText(besides(file, target))
      if (content.length <= MAX_SECRET_CHARACTERS) return content.replace(/\r?\n$/, '')
      unresolved(path, 'names a file that is too long for a secret')
    } catch {
      unresolved(path, 'names a file that cannot be read')
    }
    return ''
  }

  async function resolve(value: unknown, path: Path): Promise<unknown> {
    if (typeof value === 'string') {
      if (!value.startsWith('file:') || !holdsSecret(path)) return expand(value, path)
      return contentOf(path, expand(value.slice('file:'.length), path))
    }
    if (Array.isArray(value)) {
      return Promise.all(value.map((item, index) => resolve(item, [...path, index])))
    }
    if (typeof value !== 'object' || value === null) return value
    const members: Record<string, unknown> = Object.create(null)
    for (const [name, member] of Object.entries(value)) {
      members[name] = await resolve(member, [...path, name])
    }
    return members
  }

  return resolve(tree, [])
}

/** True for members whose text may be `file:PATH`. */
function holdsSecret(path: Path): boolean {
  return path[0] === 'secrets' || (path[0] === 'stores' && path[2] === 'credentials')
}

function besides(file: string, target: string): string {
  if (/^(?:[/\\]|[A-Za-z]:[/\\])/.test(target)) return target
  const folder = file.slice(0, Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1)
  return folder + target.replace(/^(?:\.\/)+/, '')
}
