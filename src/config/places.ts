import type { Path } from './problem.ts'
import type { Position } from './report.ts'

/** Deepest nesting of a configuration; the contract needs 8. */
export const MAX_DEPTH = 16

/** Where the members of a tree stand in its text. */
export interface Places {
  /** Notes where the name of a member begins. */
  name(path: Path, position: Position): void
  /** Notes where a value begins. */
  value(path: Path, position: Position): void
  /** The place of a member, or of the nearest thing around it that was noted; else the very beginning. */
  locate(path: Path, at: 'name' | 'value'): Position
}

/** Nothing is noted yet. */
export function createPlaces(): Places {
  const names = new Map<string, Position>()
  const values = new Map<string, Position>()
  return {
    name: (path, position) => names.set(keyOf(path), position),
    value: (path, position) => values.set(keyOf(path), position),
    locate(path, at) {
      for (let length = path.length; length > 0; length -= 1) {
        const key = keyOf(path.slice(0, length))
        const name = names.get(key)
        const value = values.get(key)
        const isWhole = length === path.length && at === 'value'
        // A list or map begins below its name, which is where people look for it.
        const position = isWhole && value?.line === name?.line ? value : (name ?? value)
        if (position !== undefined) return position
      }
      return { line: 1, column: 1 }
    },
  }
}

function keyOf(path: Path): string {
  return JSON.stringify(path)
}
