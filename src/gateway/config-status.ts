import { type Clock, toTimestamp } from '../clock.ts'
import type { Problem } from '../config/problem.ts'

/** What became of the configuration file since the start, as an operator sees it. */
export interface ConfigStatusView {
  /** 1 at the start, one more with each configuration that came into force. */
  readonly generation: number
  readonly loadedAt: string
  /** Settings of the file, by name, that come into force with the next start only. */
  readonly needsRestart: readonly string[]
  /** When the file was last found to be one that cannot be used; absent: it is in force. */
  readonly refusedAt?: string
  /** What is wrong with it then; else nothing. */
  readonly problems: readonly Omit<Problem, 'file'>[]
}

/** Keeps it, from the start on. */
export interface ConfigStatus {
  view(): ConfigStatusView
  /** The file is in force; `isNew`: and was not before. */
  inForce(facts: { readonly isNew: boolean; readonly needsRestart: readonly string[] }): void
  /** It cannot be used, and what was in force stays so. */
  refused(problems: readonly Problem[]): void
}

/** Begins with the file in force. */
export function createConfigStatus(clock: Clock): ConfigStatus {
  const now = () => toTimestamp(clock.nowMs())
  let view: ConfigStatusView = { generation: 1, loadedAt: now(), needsRestart: [], problems: [] }
  return {
    view: () => view,
    inForce({ isNew, needsRestart }) {
      const { generation, loadedAt } = view
      view = {
        generation: generation + (isNew ? 1 : 0),
        loadedAt: isNew ? now() : loadedAt,
        needsRestart,
        problems: [],
      }
    },
    refused(problems) {
      const told = problems.map(({ line, column, path, message }) => ({
        line,
        column,
        path,
        message,
      }))
      view = { ...view, refusedAt: now(), problems: told }
    },
  }
}
