/** JSON that is a mapping. */
export type JsonObject = { readonly [member: string]: unknown }

/**
 * A JSON Merge Patch (RFC 7396): members of the patch replace those of their names, `null` takes one away,
 * and mappings within are merged likewise. Neither argument is changed.
 */
export function mergePatch(target: unknown, patch: JsonObject): JsonObject {
  const merged = new Map(isObject(target) ? Object.entries(target) : [])
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name)
    else merged.set(name, isObject(value) ? mergePatch(merged.get(name), value) : value)
  }
  // Names like __proto__ become members like any other.
  return Object.fromEntries(merged)
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
