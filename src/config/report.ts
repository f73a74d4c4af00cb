import { formatPath, type Path, type Problem } from './problem.ts'

/** Where something stands in the file; both from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** Takes problems one by one, so that all of them can be told at once. */
export interface Report {
  /** Something that must be changed. Where: at the member's value unless told otherwise. */
  problem(path: Path, message: string, at?: 'name' | 'value' | Position): void
  /** Something that works, but hardly as meant. */
  warn(path: Path, message: string): void
  /** A member of which nothing more is worth saying, nor of what is around it. */
  settled(path: Path): void
  /** Whether that was said of this very member: what only its absence makes wrong is none. */
  isSettled(path: Path): boolean
}

/** A report and what came together in it, in the order of the file. */
export interface CollectedReport extends Report {
  readonly problems: () => Problem[]
  readonly warnings: () => Problem[]
}

/** A report on one file, in the order of the file. */
export function createReport(
  file: string,
  locate: (path: Path, at: 'name' | 'value') => Position,
): CollectedReport {
  const problems: Problem[] = []
  const warnings: Problem[] = []
  const settled: Path[] = []

  function found(path: Path, message: string, at: 'name' | 'value' | Position): Problem {
    const position = typeof at === 'string' ? locate(path, at) : at
    return { file, ...position, path: formatPath(path), message }
  }

  return {
    problem(path, message, at = 'value') {
      const problem = found(path, message, at)
      const repeated = problems.some(
        (other) => other.path === problem.path && other.message === message,
      )
      if (!repeated && !settled.some((other) => isWithin(other, path))) problems.push(problem)
    },
    warn(path, message) {
      warnings.push(found(path, message, 'value'))
    },
    settled(path) {
      settled.push(path)
    },
    isSettled: (path) => settled.some((each) => formatPath(each) === formatPath(path)),
    problems: () => problems.toSorted(byPlace),
    warnings: () => warnings.toSorted(byPlace),
  }
}

function byPlace(a: Problem, b: Problem): number {
  return a.line - b.line || a.column - b.column
}

function isWithin(inner: Path, outer: Path): boolean {
  return outer.every((step, index) => inner[index] === step)
}
