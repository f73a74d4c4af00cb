import { Secret } from '../secret.ts'
import type { AuditSetting, Environment, StateSetting } from './config.ts'
import type { Report } from './report.ts'
import type { AuditInput } from './schema-audit.ts'
import { parseSinkUrl } from './sink-url.ts'

const DEFAULT_FILE = './data/audit.jsonl'
const PLACES = ['file', 'sqlite', 'redis', 'http', 'queue'] as const

/** `audit`, for a ledger that lives in `state`. Reports two places for one log, and what has no meaning there. */
export function buildAudit(
  input: AuditInput,
  {
    environment,
    state,
    report,
  }: { environment: Environment; state: StateSetting | undefined; report: Report },
): AuditSetting {
  const [place = 'file', ...others] = PLACES.filter((name) => input[name] !== undefined)
  for (const other of others) {
    report.problem(['audit', other], `must be left out: the events go to "${place}"`)
  }
  const setting =
    place === 'http' && input.http !== undefined
      ? httpSetting(input.http, { environment, report })
      : settingOf(input, place, state)
  reportStrays(input, setting, report)
  if (setting.kind === 'none' && environment === 'production') {
    report.warn(['audit', 'file'], 'keeps no record of decisions')
  }
  if (setting.kind === 'redis' && state !== undefined && state.kind !== 'redis') {
    report.problem(['audit', 'redis'], 'needs a "state" on Redis')
  }
  if (state?.kind === 'durable-objects' && (setting.kind === 'file' || setting.kind === 'sqlite')) {
    report.problem(
      ['audit', setting.kind],
      'names a file, and beside Durable Objects there are none',
    )
  }
  if (setting.kind === 'sqlite' && state?.kind === 'sqlite' && state.path === setting.path) {
    report.problem(['audit', 'sqlite'], 'must be another file than "state"')
  }
  return setting
}

function settingOf(
  input: Omit<AuditInput, 'http'>,
  place: (typeof PLACES)[number],
  state: StateSetting | undefined,
): Exclude<AuditSetting, { kind: 'http' }> {
  const usual = state?.kind === 'durable-objects' ? 'stdout' : DEFAULT_FILE
  const { file = usual, maxFileBytes, keepFiles, sqlite, keepDays, redis, queue } = input
  if (place === 'queue' && queue !== undefined) return { kind: 'queue', binding: queue }
  if (place === 'redis' && redis !== undefined) return { kind: 'redis', ...redis }
  if (place === 'sqlite' && sqlite !== undefined) {
    return { kind: 'sqlite', path: sqlite, ...(keepDays !== undefined && { keepDays }) }
  }
  if (file === 'stdout' || file === 'none') return { kind: file }
  return {
    kind: 'file',
    path: file,
    ...(maxFileBytes !== undefined && { maxFileBytes }),
    ...(keepFiles !== undefined && { keepFiles }),
  }
}

function httpSetting(
  { url, token, timeoutMs }: NonNullable<AuditInput['http']>,
  { environment, report }: { environment: Environment; report: Report },
): AuditSetting {
  const sink = parseSinkUrl(url)
  if (typeof sink === 'string') report.problem(['audit', 'http', 'url'], sink)
  else if (environment === 'production' && !sink.isEncrypted && !sink.isLoopback) {
    report.problem(['audit', 'http', 'url'], 'must be https: in production')
  }
  if (token !== undefined && !/^[!-~]{1,4096}$/.test(token)) {
    const problem = token === '' ? 'is empty' : 'must be printable ASCII, without spaces'
    report.problem(['audit', 'http', 'token'], problem)
  }
  return {
    kind: 'http',
    url: new Secret(typeof sink === 'string' ? '' : sink.text),
    ...(token !== undefined && { token: new Secret(token) }),
    timeoutMs,
  }
}

function reportStrays(input: AuditInput, { kind }: AuditSetting, report: Report): void {
  for (const name of ['maxFileBytes', 'keepFiles'] as const) {
    if (input[name] === undefined || kind === 'file') continue
    report.problem(['audit', name], 'has a meaning for a file alone')
  }
  const isWhole = input.maxFileBytes === undefined && !report.isSettled(['audit', 'maxFileBytes'])
  if (kind === 'file' && input.keepFiles !== undefined && isWhole) {
    report.problem(['audit', 'keepFiles'], 'needs "maxFileBytes": no file is put aside without it')
  }
  const isElsewhere = kind !== 'sqlite' && !report.isSettled(['audit', 'sqlite'])
  if (input.keepDays !== undefined && isElsewhere) {
    report.problem(['audit', 'keepDays'], 'has a meaning for "sqlite" alone')
  }
}
