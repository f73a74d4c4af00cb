import { lazily } from '../lazily.ts'
import { parseJsonTree } from './json-tree.ts'
import type { Path } from './problem.ts'
import type { Position } from './report.ts'

/** Largest configuration, in characters. */
export const MAX_CONFIG_CHARACTERS = 8 * 2 ** 20

/** Something that the text itself does wrong. */
export interface TreeProblem {
  readonly path: Path
  readonly message: string
  /** Known for problems of the text; else the path tells. */
  readonly position?: Position
}

/** A text as plain values, and where each of them stands. */
export interface SettingsTree {
  /** Maps are objects without a prototype. `undefined` when the text cannot be understood at all. */
  readonly value: unknown
  readonly problems: readonly TreeProblem[]
  /** The place of a member, or of the nearest thing around it that is in the file. */
  locate(path: Path, at: 'name' | 'value'): Position
}

const yaml = lazily(() => import('./yaml-tree.ts'))

/**
 * Reads YAML 1.2, core schema, without aliases; JSON is some of it, and needs no reader of YAML. Rejects
 * for no text: what is wrong is in `problems`.
 */
export async function readTree(text: string): Promise<SettingsTree> {
  const json = text.length > MAX_CONFIG_CHARACTERS ? undefined : parseJsonTree(text)
  return json ?? (await yaml()).parseYamlTree(text)
}

/** A member of a tree's map; `undefined` when there is none, or no map. */
export function memberOf(value: unknown, name: string): unknown {
  const isMap = typeof value === 'object' && value !== null && Object.hasOwn(value, name)
  return isMap ? (value as Record<string, unknown>)[name] : undefined
}
