/** Names from the top of the file to a member; numbers count list items from 0. */
export type Path = readonly (string | number)[]

/** One thing that is wrong with a configuration, and where. */
export interface Problem {
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
  /** Like `buckets.media.placements[0].store`; empty for the file as a whole. */
  readonly path: string
  /** A clause that goes on from the path, without any secret: `must be …`, `is required`. */
  readonly message: string
}

/** A configuration that cannot be used: all of its problems at once. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]

  constructor(problems: readonly Problem[], warnings: readonly Problem[]) {
    super(`Cannot use the configuration:\n${problems.map(formatProblem).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
    this.warnings = warnings
  }
}

/** `file:line:column path: message`, one line whatever the names in it contain. */
export function formatProblem({ file, line, column, path, message }: Problem): string {
  return `${file}:${line}:${column} ${path === '' ? '' : `${path}: `}${message}`
}

/** A path as people write it; odd names stand in brackets and quotes. */
export function formatPath(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (/^[A-Za-z0-9_-]+$/.test(step)) text += text === '' ? step : `.${step}`
    else text += `[${quote(step)}]`
  }
  return text
}

const MAX_QUOTED_CHARACTERS = 64
const UNPRINTABLE = /[\u007f-\u009f\u2028\u2029\p{Bidi_Control}]/gu

/** A name in quotes, on one line and of bounded length; controls are escaped. */
export function quote(name: string): string {
  const text =
    name.length > MAX_QUOTED_CHARACTERS ? `${name.slice(0, MAX_QUOTED_CHARACTERS)}…` : name
  return JSON.stringify(text).replace(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
