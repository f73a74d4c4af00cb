import { GatewayError } from '../../errors.ts'

/** Members of a JSON object that nothing is known of yet. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Envelopes are texts of JSON in JSON, each of which begins to count anew. */
const MAX_DEPTH = 64
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * A body, or a text in it, as JSON. `undefined` for what is no JSON in UTF-8, is nested deeper than 64
 * levels, or has a member `__proto__`.
 */
export function parseEventJson(source: Uint8Array | string): unknown {
  try {
    const text = typeof source === 'string' ? source : decoder.decode(source)
    const value: unknown = JSON.parse(text)
    return isPlain(value, 0) ? value : undefined
  } catch {
    return undefined
  }
}

/** The value when it is a JSON object. */
export function objectOf(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined
}

/** A member of a JSON object; `undefined` where there is no object, or no such member of its own. */
export function memberOf(value: unknown, name: string): unknown {
  const object = objectOf(value)
  return object !== undefined && Object.hasOwn(object, name) ? object[name] : undefined
}

/** A member that is a text of 1 to `maxCharacters`; `undefined` for anything else. */
export function textOf(value: unknown, name: string, maxCharacters = 1_024): string | undefined {
  const text = memberOf(value, name)
  return typeof text === 'string' && text !== '' && text.length <= maxCharacters ? text : undefined
}

/** The refusal of a body that this store is not configured to send; `why` quotes nothing of it. */
export function unreadable(why: string): GatewayError {
  return new GatewayError('InvalidRequest', `Cannot read the event: ${why}`)
}

/** JSON.parse makes an own member of `__proto__`; and what is too deep is not looked at to the end. */
function isPlain(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (depth > MAX_DEPTH || Object.hasOwn(value, '__proto__')) return false
  return Object.values(value).every((member) => isPlain(member, depth + 1))
}
