import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { type Path, quote } from './problem.ts'
import type { Position } from './report.ts'

/** Largest configuration, in characters. */
export const MAX_CONFIG_CHARACTERS = 8 * 2 ** 20

/** Deepest nesting of a configuration; the contract needs 8. */
const MAX_DEPTH = 16

/** Something that the YAML itself does wrong. */
export interface YamlProblem {
  readonly path: Path
  readonly message: string
  /** Known for problems of the text; else the path tells. */
  readonly position?: Position
}

/** A YAML text as plain values, and where each of them stands. */
export interface YamlTree {
  /** Maps are objects without a prototype. `undefined` when the text cannot be understood at all. */
  readonly value: unknown
  readonly problems: readonly YamlProblem[]
  /** The place of a member, or of the nearest thing around it that is in the file. */
  locate(path: Path, at: 'name' | 'value'): Position
}

/** Reads YAML 1.2, core schema, without aliases. Never throws: what is wrong is in `problems`. */
export function parseYamlTree(text: string): YamlTree {
  const tooLong = text.length > MAX_CONFIG_CHARACTERS
  const reader = new TreeReader(tooLong ? '' : text)
  if (tooLong) return reader.failed('is too long')
  try {
    return reader.read()
  } catch {
    // The parser recurses; what makes it run out of stack is no configuration.
    return reader.failed('cannot be read as YAML: it is nested too deeply')
  }
}

/** A member of a tree's map; `undefined` when there is none, or no map. */
export function memberOf(value: unknown, name: string): unknown {
  const isMap = typeof value === 'object' && value !== null && Object.hasOwn(value, name)
  return isMap ? (value as Record<string, unknown>)[name] : undefined
}

class TreeReader {
  readonly #lines = new LineCounter()
  readonly #text: string
  readonly #problems: YamlProblem[] = []
  readonly #names = new Map<string, Position>()
  readonly #values = new Map<string, Position>()

  constructor(text: string) {
    this.#text = text
  }

  read(): YamlTree {
    const document = parseDocument(this.#text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      // Looked for below, where the path is known.
      uniqueKeys: false,
    })
    for (const { message, pos } of [...document.errors, ...document.warnings]) {
      const position = this.#positionAt(pos[0])
      this.#problems.push({ path: [], message: `is not YAML: ${asClause(message)}`, position })
    }
    if (document.errors.length > 0) return this.#tree(undefined)
    return this.#tree(this.#valueOf(document.contents, []))
  }

  failed(message: string): YamlTree {
    return {
      value: undefined,
      problems: [{ path: [], message }],
      locate: () => ({ line: 1, column: 1 }),
    }
  }

  #tree(value: unknown): YamlTree {
    return { value, problems: this.#problems, locate: (path, at) => this.#locate(path, at) }
  }

  #valueOf(node: Node | null, path: Path): unknown {
    if (node === null) return null
    this.#values.set(keyOf(path), this.#positionAt(node.range?.[0] ?? 0))
    if (path.length > MAX_DEPTH) return this.#refused(path, 'is nested too deeply')
    if (isAlias(node)) return this.#refused(path, 'is an alias: write the value out')
    if (isScalar(node)) return node.value
    if (isSeq<Node>(node)) {
      return node.items.map((item, index) => this.#valueOf(item, [...path, index]))
    }
    return isMap(node) ? this.#mapOf(node.items, path) : this.#refused(path, 'cannot be used')
  }

  #mapOf(items: readonly { key: unknown; value: unknown }[], path: Path): unknown {
    const members: Record<string, unknown> = Object.create(null)
    for (const { key, value } of items) {
      if (!isScalar(key)) {
        this.#problems.push({ path, message: 'has a member whose name is no text' })
        continue
      }
      const name = String(key.value)
      const inner = [...path, name]
      if (name === '__proto__') this.#refused(path, `must not have a member ${quote(name)}`)
      else if (Object.hasOwn(members, name)) {
        const position = this.#positionAt(key.range?.[0] ?? 0)
        this.#problems.push({ path: inner, message: 'is there more than once', position })
      } else {
        this.#names.set(keyOf(inner), this.#positionAt(key.range?.[0] ?? 0))
        // Without this, an empty value would be the last thing that was said about the name.
        members[name] = this.#valueOf(value as Node | null, inner)
      }
    }
    return members
  }

  #refused(path: Path, message: string): undefined {
    this.#problems.push({ path, message })
    return undefined
  }

  #locate(path: Path, at: 'name' | 'value'): Position {
    for (let length = path.length; length > 0; length -= 1) {
      const key = keyOf(path.slice(0, length))
      const name = this.#names.get(key)
      const value = this.#values.get(key)
      const isWhole = length === path.length && at === 'value'
      // A list or map begins below its name, which is where people look for it.
      const position = isWhole && value?.line === name?.line ? value : (name ?? value)
      if (position !== undefined) return position
    }
    return { line: 1, column: 1 }
  }

  #positionAt(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
}

function keyOf(path: Path): string {
  return JSON.stringify(path)
}

function asClause(message: string): string {
  const line = message.replaceAll(/\s+/g, ' ')
  return line.charAt(0).toLowerCase() + line.slice(1)
}
