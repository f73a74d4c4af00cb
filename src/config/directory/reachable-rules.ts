import type { AllowInput } from '../schema-allow.ts'

/**
 * Rules without the buckets that are not in the configuration any more: nobody reaches those, and all else
 * stays as an operator has set it.
 */
export function reachableRules(
  allow: readonly AllowInput[],
  bucketNames: ReadonlySet<string>,
): AllowInput[] {
  return allow
    .map((rule) => ({ ...rule, buckets: rule.buckets.filter((name) => bucketNames.has(name)) }))
    .filter(({ buckets }) => buckets.length > 0)
}
