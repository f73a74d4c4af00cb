import { MAX_KEY_BYTES, ObjectKey } from '../object-key.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'

/** Reports a prefix that is neither empty nor the name of a folder. */
export function checkPrefix(prefix: string, path: Path, report: Report): void {
  if (prefix === '') return
  if (!prefix.endsWith('/')) {
    report.problem(path, 'must end in "/", or it would match its neighbours too')
    return
  }
  try {
    ObjectKey.parse(prefix)
  } catch {
    report.problem(path, `must be the beginning of a key, of at most ${MAX_KEY_BYTES} bytes`)
  }
}
