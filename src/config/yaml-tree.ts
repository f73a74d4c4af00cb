import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { createPlaces, MAX_DEPTH } from './places.ts'
import { type Path, quote } from './problem.ts'
import type { Position } from './report.ts'
import { MAX_CONFIG_CHARACTERS, type SettingsTree, type TreeProblem } from './settings-tree.ts'

/** Reads YAML 1.2, core schema, without aliases. Never throws: what is wrong is in `problems`. */
export function parseYamlTree(text: string): SettingsTree {
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

class TreeReader {
  readonly #lines = new LineCounter()
  readonly #text: string
  readonly #problems: TreeProblem[] = []
  readonly #places = createPlaces()

  constructor(text: string) {
    this.#text = text
  }

  read(): SettingsTree {
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

  failed(message: string): SettingsTree {
    return {
      value: undefined,
      problems: [{ path: [], message }],
      locate: () => ({ line: 1, column: 1 }),
    }
  }

  #tree(value: unknown): SettingsTree {
    return { value, problems: this.#problems, locate: this.#places.locate }
  }

  #valueOf(node: Node | null, path: Path): unknown {
    if (node === null) return null
    this.#places.value(path, this.#positionAt(node.range?.[0] ?? 0))
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
        this.#places.name(inner, this.#positionAt(key.range?.[0] ?? 0))
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

  #positionAt(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
}

function asClause(message: string): string {
  const line = message.replaceAll(/\s+/g, ' ')
  return line.charAt(0).toLowerCase() + line.slice(1)
}
