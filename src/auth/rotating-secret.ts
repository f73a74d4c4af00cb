import type { Secret } from '../secret.ts'

/** A secret and the number it goes by, so that what it made can say which one made it. */
export interface VersionedSecret {
  /** 1 and up; grows by one with each rotation. */
  readonly version: number
  readonly secret: Secret
}

/** A secret that can be replaced without a gap: `current` makes, both verify. */
export interface RotatingSecret {
  readonly current: VersionedSecret
  readonly previous?: VersionedSecret
}

/** The secret of a version; `undefined` for one that is gone or not there yet. */
export function secretOfVersion(
  { current, previous }: RotatingSecret,
  version: number,
): Secret | undefined {
  if (current.version === version) return current.secret
  return previous?.version === version ? previous.secret : undefined
}
