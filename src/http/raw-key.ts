import { GatewayError } from '../errors.ts'
import { ObjectKey } from '../object-key.ts'
import { accessDenied } from '../policy/authorize.ts'

const PREFIX = '/v1/objects/'

/** What a path below `/v1/objects/` names. */
export interface ObjectTarget {
  readonly bucket: string
  /** Absent when the path ends with the bucket. */
  readonly key?: ObjectKey
}

/**
 * Reads bucket and key from the raw path: split at `/`, each segment percent-decoded once, strictly.
 * Routers decode by rules of their own (`%2F` yes, `%zz` no), so that two paths would name one key.
 * Throws `InvalidKey` for what is malformed, `AccessDenied` for a bucket name with a `/` in it.
 */
export function objectTarget(rawPath: string): ObjectTarget {
  const [rawBucket = '', ...rawKey] = rawPath.slice(PREFIX.length).split('/')
  const bucket = decodeStrictly(rawBucket)
  if (bucket.includes('/')) throw accessDenied()
  if (rawKey.length === 0) return { bucket }
  // An encoded slash inside a segment is a slash of the key; the grammar sees the joined text.
  return { bucket, key: ObjectKey.parse(rawKey.map(decodeStrictly).join('/')) }
}

/** The path of a request target, without query; an absolute-form target's authority is ignored. */
export function rawPathOf(target: string): string {
  const path = target.startsWith('/')
    ? target
    : target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '')
  return path.split(/[?#]/, 1)[0] ?? ''
}

/** Throws `InvalidKey` for a `.` or `..` segment in any spelling, which runtimes resolve by themselves. */
export function refuseDotSegments(rawPath: string): void {
  const dots = rawPath.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment))
  if (dots || rawPath.includes('\\')) {
    throw new GatewayError('InvalidKey', 'Cannot use the path: it holds a "." or ".." segment')
  }
}

function decodeStrictly(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch (cause) {
    throw new GatewayError('InvalidKey', 'Cannot use the path: malformed percent-encoding', {
      cause,
    })
  }
}
