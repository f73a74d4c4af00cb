import type { Path } from '../problem.ts'
import { type CollectedReport, createReport } from '../report.ts'
import { type DirectoryEntity, documentName } from './document-name.ts'

/** What is wrong with a document of the directory. */
export interface DirectoryProblem {
  /** Name of the document. */
  readonly name: string
  /** A clause about it, without any secret. */
  readonly message: string
}

/** Collects what is wrong with documents, by document. */
export interface DirectoryReport {
  problems(): readonly DirectoryProblem[]
  problemOf(name: string): string | undefined
  clear(): void
  /** Nothing is wrong with it, or it is not there any more. */
  forget(entity: DirectoryEntity): void
  /** The configuration names the same: what the directory says of it counts for nothing. */
  configured(entity: DirectoryEntity): void
  unusable(entity: DirectoryEntity, message: string): void
  /** Builds something; `undefined`, and its problems, for what would be refused in a configuration. */
  checked<Built>(
    entity: DirectoryEntity,
    build: (report: CollectedReport) => Built,
  ): Built | undefined
}

/** An empty report. */
export function createDirectoryReport(): DirectoryReport {
  const problems = new Map<string, string>()
  const nowhere = { line: 0, column: 0 }

  return {
    problems: () => [...problems].map(([name, message]) => ({ name, message })),
    problemOf: (name) => problems.get(name),
    clear: () => problems.clear(),
    forget(entity) {
      // Most have none, and there may be many.
      if (problems.size > 0) problems.delete(documentName(entity))
    },
    configured(entity) {
      problems.set(documentName(entity), 'is set by the configuration file, which wins')
    },
    unusable(entity, message) {
      problems.set(documentName(entity), message)
    },
    checked(entity, build) {
      const report = createReport('directory', (_path: Path) => nowhere)
      const built = build(report)
      const found = report.problems()
      const name = documentName(entity)
      problems.delete(name)
      if (found.length === 0) return built
      problems.set(name, found.map(({ path, message }) => `${path} ${message}`).join('; '))
      return undefined
    },
  }
}
