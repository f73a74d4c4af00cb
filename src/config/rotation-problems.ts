import { type RotatingSecret, secretOfVersion } from '../auth/rotating-secret.ts'
import type { Secrets } from './config.ts'

/** What a running gateway cannot do without: what it has made would mean nothing any more. */
const NEEDED = {
  pepper: 'API keys that were made with it would be refused',
  ticketKey: 'uploads under way would count as never made',
} as const satisfies Partial<Record<keyof Secrets, string>>

/** A secret that was replaced, and not as a rotation does it. */
export interface RotationProblem {
  /** Like `secrets.pepper`. */
  readonly path: string
  /** A clause that goes on from the path, without any secret. */
  readonly message: string
}

/**
 * Secrets that are gone from one moment to the next, although what was made with them is in use: each
 * has to stay as the previous one, by its version, next to the new one. The admin token is none of
 * them: one that was stolen has to end at once.
 */
export function rotationProblems(running: Secrets, wanted: Secrets): readonly RotationProblem[] {
  return Object.entries(NEEDED).flatMap(([name, why]) => {
    const { current } = running[name as keyof typeof NEEDED]
    if (isKept(current, wanted[name as keyof typeof NEEDED])) return []
    const how = `must keep version ${current.version} as it is, as current or previous: ${why}`
    return [{ path: `secrets.${name}`, message: how }]
  })
}

function isKept({ version, secret }: RotatingSecret['current'], wanted: RotatingSecret): boolean {
  return secretOfVersion(wanted, version)?.reveal() === secret.reveal()
}
