import type { RotatingSecret } from '../auth/rotating-secret.ts'
import { Secret } from '../secret.ts'
import type { Secrets } from './config.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import type { RotatingInput, SecretsInput } from './schema-server.ts'

/** Shortest secret of Signet's own, in characters. */
export const MIN_SECRET_CHARACTERS = 32

/** Fewest different characters in one: a run of a letter is long, and still no secret. */
const MIN_DIFFERENT_CHARACTERS = 8

// What people type to get on, and attackers try first.
const PLACEHOLDER = /change-?_?me|replace-?_?me|minioadmin|password|^secret$/i

/** Signet's own secrets. Reports what is empty, short, or nobody's secret; says which, not what. */
export function buildSecrets(input: SecretsInput, report: Report): Secrets {
  const { pepper, ticketKey, adminToken } = input
  const secrets = {
    pepper: buildPepper(pepper, report),
    ticketKey: rotating(ticketKey, ['secrets', 'ticketKey'], report),
    adminToken: buildAdminToken(adminToken, report),
  }
  const values = Object.values(secrets).map(({ current }) => current.secret.reveal())
  if (new Set(values).size < values.length) {
    report.problem(['secrets'], 'must all be different')
  }
  return secrets
}

/** `secrets.pepper` alone: making a key needs nothing else. */
export function buildPepper(input: RotatingInput, report: Report): RotatingSecret {
  return rotating(input, ['secrets', 'pepper'], report)
}

/** `secrets.adminToken` alone: a command line needs nothing else to talk to a gateway. */
export function buildAdminToken(input: RotatingInput, report: Report): RotatingSecret {
  const token = rotating(input, ['secrets', 'adminToken'], report)
  checkToken(input, report)
  return token
}

/** What makes a text no secret, as a clause; `undefined` when it may be one. */
export function weaknessOf(text: string): string | undefined {
  if (text === '') return 'is empty'
  if (isPlaceholder(text)) return 'is a placeholder, not a secret'
  if (text.length < MIN_SECRET_CHARACTERS) {
    return `is too short: it needs ${MIN_SECRET_CHARACTERS} characters`
  }
  return new Set(text).size < MIN_DIFFERENT_CHARACTERS
    ? 'repeats itself: it is no secret'
    : undefined
}

/** True for texts that stand where a secret should be. */
export function isPlaceholder(text: string): boolean {
  return PLACEHOLDER.test(text)
}

function rotating(input: RotatingInput, path: Path, report: Report): RotatingSecret {
  if (typeof input === 'string') {
    checkStrength(input, path, report)
    return { current: { version: 1, secret: new Secret(input) } }
  }
  const { current, previous } = input
  const version = input.version ?? (previous === undefined ? 1 : 2)
  checkStrength(current, [...path, 'current'], report)
  if (previous === undefined) return { current: { version, secret: new Secret(current) } }
  checkStrength(previous, [...path, 'previous'], report)
  if (version < 2)
    report.problem([...path, 'version'], 'must be at least 2 beside a previous secret')
  if (current === previous)
    report.problem([...path, 'previous'], 'must differ from the current one')
  return {
    current: { version, secret: new Secret(current) },
    previous: { version: version - 1, secret: new Secret(previous) },
  }
}

function checkStrength(text: string, path: Path, report: Report): void {
  const weakness = weaknessOf(text)
  if (weakness !== undefined) report.problem(path, weakness)
}

// It has to fit behind "Bearer " (RFC 6750 section 2.1), and no token with a comma is read.
function checkToken(input: RotatingInput, report: Report): void {
  const texts = typeof input === 'string' ? [input] : [input.current, input.previous ?? '']
  if (texts.some((text) => !/^[!-+\--~]*$/.test(text))) {
    report.problem(['secrets', 'adminToken'], 'must be printable ASCII without spaces and commas')
  }
}
