import { createPlaces, MAX_DEPTH, type Places } from './places.ts'
import type { Path } from './problem.ts'
import type { Position } from './report.ts'
import type { SettingsTree } from './settings-tree.ts'

/**
 * Reads a text that is one JSON map (RFC 8259) with nothing wrong about it. Undefined for any other text,
 * also for JSON with a name that comes twice, that is `__proto__`, or that is nested too deeply: the
 * reader of YAML says what is wrong with those.
 */
export function parseJsonTree(text: string): SettingsTree | undefined {
  if (!isJsonMap(text)) return undefined
  const places = createPlaces()
  const value = new JsonReader(text, places).value([])
  return value === BAD ? undefined : { value, problems: [], locate: places.locate }
}

function isJsonMap(text: string): boolean {
  if (!/^[ \t\r\n]*\{/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** What is known to be JSON is a row of these, with blanks between them. */
const TOKEN = /[ \t\r\n]*("(?:[^"\\]|\\.)*"|[^\s"{}[\],:]+|[{}[\],:])/y
const BAD = Symbol('bad')

class JsonReader {
  readonly #text: string
  readonly #places: Places
  readonly #token = new RegExp(TOKEN)
  /** Offset of the last token, and of the line that it is on. */
  #at = 0
  #line = { number: 1, startsAt: 0 }
  /** Offset where that line ends; looked for once a line, as a line may be the whole text. */
  #lineEndsAt: number

  constructor(text: string, places: Places) {
    this.#text = text
    this.#places = places
    this.#lineEndsAt = this.#lineEnd(0)
  }

  /** The value that begins with the next token; its last token is the last that was read. */
  value(path: Path): unknown {
    return this.#valueFrom(this.#next(), path)
  }

  #valueFrom(token: string, path: Path): unknown {
    this.#places.value(path, this.#position())
    if (path.length > MAX_DEPTH) return BAD
    if (token === '{') return this.#map(path)
    return token === '[' ? this.#list(path) : JSON.parse(token)
  }

  #map(path: Path): unknown {
    const members: Record<string, unknown> = Object.create(null)
    for (let token = this.#next(); token !== '}'; token = this.#next()) {
      if (token === ',') continue
      const name = JSON.parse(token) as string
      if (name === '__proto__' || Object.hasOwn(members, name)) return BAD
      const inner = [...path, name]
      this.#places.name(inner, this.#position())
      this.#next()
      const value = this.value(inner)
      if (value === BAD) return BAD
      members[name] = value
    }
    return members
  }

  #list(path: Path): unknown {
    const items: unknown[] = []
    for (let token = this.#next(); token !== ']'; token = this.#next()) {
      if (token === ',') continue
      const value = this.#valueFrom(token, [...path, items.length])
      if (value === BAD) return BAD
      items.push(value)
    }
    return items
  }

  #next(): string {
    const token = this.#token.exec(this.#text)?.[1] ?? ''
    const at = this.#token.lastIndex - token.length
    while (this.#lineEndsAt < at) {
      const startsAt = this.#lineEndsAt + 1
      this.#line = { number: this.#line.number + 1, startsAt }
      this.#lineEndsAt = this.#lineEnd(startsAt)
    }
    this.#at = at
    return token
  }

  #lineEnd(from: number): number {
    const end = this.#text.indexOf('\n', from)
    return end < 0 ? this.#text.length : end
  }

  #position(): Position {
    return { line: this.#line.number, column: this.#at - this.#line.startsAt + 1 }
  }
}
