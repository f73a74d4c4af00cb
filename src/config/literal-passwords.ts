import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import { memberOf } from './settings-tree.ts'

const ADVICE = 'name an environment variable or file:PATH instead'

/**
 * Warns of passwords of the ledger, and of the audit log's token, that stand in the file itself. `tree`
 * is the file's before references are replaced.
 */
export function warnOfLiteralPasswords(tree: unknown, report: Report): void {
  const ledger = memberOf(tree, 'ledger')
  for (const name of ['password', 'sentinelPassword']) {
    const value = memberOf(ledger, name)
    if (typeof value === 'string' && isLiteral(value)) warn(['ledger', name], report)
  }
  const token = memberOf(memberOf(memberOf(tree, 'audit'), 'http'), 'token')
  if (typeof token === 'string' && isLiteral(token)) warn(['audit', 'http', 'token'], report)
  const state = memberOf(tree, 'state')
  if (typeof state !== 'string') return
  const password = /^rediss?[a-z+]*:\/\/[^/@]*?:([^/]*)@/.exec(state.replace(REFERENCE, HOLE))?.[1]
  if (password !== undefined && password.replaceAll(HOLE, '') !== '') {
    report.warn(
      ['state'],
      'has a password in the file: name an environment variable, or use "ledger.password"',
    )
  }
}

const REFERENCE = /\$\{[^}]*\}/g
/** No URL may hold one. */
const HOLE = '\0'

function isLiteral(value: string): boolean {
  return value !== '' && !value.startsWith('file:') && value.replace(REFERENCE, '') === value
}

function warn(path: Path, report: Report): void {
  report.warn(path, `is in the file: ${ADVICE}`)
}
