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
/** A bundle of all public authorities has some 200,000. */
const MAX_PEM_CHARACTERS = 1024 * 1024
const PEM_MEMBERS = new Set<string | number>(['ca', 'cert', 'key'])
const PEM_START = /^-----BEGIN /

/**
 * A copy of the tree with `${NAME}` replaced in every text, and `file:PATH` by the file's content in
 * members that hold secrets; members that name a PEM file become its content. Paths hang on the folder
 * of the configuration file; exactly one newline at the end of a file is removed. What cannot be had is
 * reported and left as it is.
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
    return text.replace(/\$\{([^}]*)\}?/g, (whole, name: string, at: number) => {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || !whole.endsWith('}')) {
        unresolved(path, 'must hold "${" only before the name of an environment variable')
        return whole
      }
      const value = Object.hasOwn(env, name) ? env[name] : undefined
      if (value !== undefined && value !== '') {
        return isUserInfo(text, at, path) ? encodeURIComponent(value.toWellFormed()) : value
      }
      unresolved(path, `needs the environment variable "${name}", which is not set`)
      return whole
    })
  }

  async function contentOf(path: Path, target: string): Promise<string> {
    const isPem = holdsPem(path)
    try {
      const content = await readText(besides(file, target))
      if (content.length <= (isPem ? MAX_PEM_CHARACTERS : MAX_SECRET_CHARACTERS)) {
        return content.replace(/\r?\n$/, '')
      }
      unresolved(path, `names a file that is too long for a ${isPem ? 'PEM file' : 'secret'}`)
    } catch {
      unresolved(path, 'names a file that cannot be read')
    }
    return ''
  }

  async function resolve(value: unknown, path: Path): Promise<unknown> {
    if (typeof value === 'string') {
      if (holdsPem(path)) {
        const given = expand(value, path)
        return PEM_START.test(given) ? given : contentOf(path, given.replace(/^file:/, ''))
      }
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

/** True for members whose text may be `file:PATH`: secrets, and keys of issuers. */
function holdsSecret(path: Path): boolean {
  if (path[0] === 'ledger') return path[1] === 'password' || path[1] === 'sentinelPassword'
  if (path[0] === 'stores') {
    return path[2] === 'credentials' || (path[2] === 'events' && path[3] === 'secret')
  }
  if (path[0] === 'issuers' || path[0] === 'admin') {
    return path[2] === 'jwks' && path[3] === 'keys' && path.length === 4
  }
  if (path[0] === 'audit') return path[1] === 'http' && path[2] === 'token'
  return path[0] === 'secrets'
}

/** True for members whose text is the path of a PEM file. */
function holdsPem(path: Path): boolean {
  return path[0] === 'ledger' && path[1] === 'tls' && PEM_MEMBERS.has(path[2] ?? '')
}

/**
 * True where a reference stands for a user name or password in the URL of `state`: what it stands for
 * is taken as it is, whatever it means in a URL.
 */
function isUserInfo(text: string, at: number, path: Path): boolean {
  if (path.length !== 1 || path[0] !== 'state') return false
  return /^rediss?(?:\+[a-z]+)?:\/\/[^/]*$/.test(text.slice(0, at)) && text.indexOf('@', at) !== -1
}

function besides(file: string, target: string): string {
  if (/^(?:[/\\]|[A-Za-z]:[/\\])/.test(target)) return target
  const folder = file.slice(0, Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1)
  return folder + target.replace(/^(?:\.\/)+/, '')
}
