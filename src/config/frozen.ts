import { Secret } from '../secret.ts'

/**
 * Freezes a value and all within it. Maps and sets refuse to be changed from then on; secrets cannot
 * be changed anyway. Gives the same value back.
 */
export function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  if (value instanceof Secret) return Object.freeze(value)
  if (value instanceof Map || value instanceof Set) {
    for (const [name, member] of value.entries()) {
      deepFreeze(name)
      deepFreeze(member)
    }
    for (const method of ['set', 'add', 'delete', 'clear']) {
      if (method in value) Object.defineProperty(value, method, { value: refuse })
    }
  }
  Object.freeze(value)
  for (const member of Object.values(value)) deepFreeze(member)
  return value
}

function refuse(): never {
  throw new TypeError('Cannot change the configuration: it is frozen')
}
