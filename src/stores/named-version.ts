/**
 * An object's version as a store tells it, or `undefined` where there is none to tell apart: no text, and
 * the `null` of a bucket that keeps no versions, or no longer does (S3 User Guide, Adding objects to
 * versioning-suspended buckets): what comes after it replaces it.
 */
export function namedVersion(text: string | undefined): string | undefined {
  return text === undefined || text === '' || text === 'null' ? undefined : text
}
