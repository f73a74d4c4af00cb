import {
  type RotatingSecret,
  secretOfVersion,
  type VersionedSecret,
} from '../auth/rotating-secret.ts'
import type { Secrets } from './config.ts'
import type { Path } from './problem.ts'

/** What a running gateway cannot do without: what it has made would mean nothing any more. */
const NEEDED = {
  pepper: 'API keys that were made with it would be refused',
  ticketKey: 'uploads under way would count as never made',
} as const satisfies Partial<Record<keyof Secrets, string>>

/** A secret that was replaced, and not as a rotation does it. */
export interface RotationProblem {
  readonly path: Path
  /** A clause that goes on from the path, without any secret. */
  readonly message: string
  /** It ends although nothing is changed in the file: keys are hashed anew, rotated or revoked. */
  readonly endsByItself: boolean
}

/**
 * Secrets that are gone from one moment to the next, although what was made with them is in use: the
 * current one has to stay as the previous one, by its version, next to the new one, and a previous pepper
 * as long as there are keys by it. `keysBy` tells how many there are of a version. The admin token is none
 * of them: one that was stolen has to end at once.
 */
export function rotationProblems(
  running: Secrets,
  wanted: Secrets,
  keysBy: (pepperVersion: number) => number,
): readonly RotationProblem[] {
  const problems: RotationProblem[] = Object.entries(NEEDED).flatMap(([name, why]) => {
    const { current } = running[name as keyof typeof NEEDED]
    if (isKept(current, wanted[name as keyof typeof NEEDED])) return []
    const how = `must keep version ${current.version} as it is, as current or previous: ${why}`
    return [{ path: ['secrets', name], message: how, endsByItself: false }]
  })
  const { previous } = running.pepper
  if (previous === undefined || isKept(previous, wanted.pepper)) return problems
  const keys = keysBy(previous.version)
  if (keys === 0) return problems
  const why = `API keys hang on it still (${keys}) and would be refused: use, rotate or revoke them`
  const message = `must keep version ${previous.version} as it is, as current or previous: ${why}`
  return [...problems, { path: ['secrets', 'pepper'], message, endsByItself: true }]
}

/** What is lost with a previous ticket key that is gone; nobody can tell what hangs on it. */
export function rotationWarnings(
  running: Secrets,
  wanted: Secrets,
): readonly Pick<RotationProblem, 'path' | 'message'>[] {
  const { previous } = running.ticketKey
  if (previous === undefined || isKept(previous, wanted.ticketKey)) return []
  const message = `has version ${previous.version} no more: uploads under way whose links and tickets it sealed count as never made, and their objects as without a ticket`
  return [{ path: ['secrets', 'ticketKey'], message }]
}

function isKept({ version, secret }: VersionedSecret, wanted: RotatingSecret): boolean {
  return secretOfVersion(wanted, version)?.reveal() === secret.reveal()
}
