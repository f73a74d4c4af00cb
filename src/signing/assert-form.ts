import { GatewayError } from '../errors.ts'
import type { SignedFields } from './signed-fields.ts'

/** A form as it was asked for. */
export interface AskedForm {
  readonly url: string
  readonly bucket: string
  /** Every field but policy, signature and file, by the name it is sent under. */
  readonly fields: ReadonlyMap<string, string>
  readonly minBytes: number
  readonly maxBytes: number
  readonly expiresAtMs: number
}

/** Fields that no condition names: they say the conditions, or prove them. */
const UNBOUND: ReadonlySet<string> = new Set(['policy', 'x-amz-signature'])

/**
 * The last look at a signed form before anybody sees it: the policy is read again from the field that
 * will be sent, and must pin every field and the bucket by exactly one "equals" with the value that is
 * sent, the range of sizes and the end, and nothing else. Whether the signature is right, the store
 * tells. Throws `InternalError`, with the rule in `facts` and never the form.
 */
export function assertForm(
  asked: AskedForm,
  signed: { readonly url: string; readonly fields: SignedFields },
): void {
  const url = URL.parse(signed.url)
  if (signed.url !== asked.url || url?.href !== asked.url || url.username !== '') {
    throw unlike('form URL')
  }
  const sent = signed.fields.reveal()
  assertFields(asked.fields, sent)
  const policy = readPolicy(sent.policy ?? '')
  if (policy.expiration !== new Date(asked.expiresAtMs).toISOString()) throw unlike('form expiry')
  const pinned = pinnedValues(policy.conditions, asked)
  for (const [name, value] of asked.fields) {
    if (pinned.get(name) !== value) throw unlike('form condition')
  }
  if (pinned.get('bucket') !== asked.bucket) throw unlike('form bucket')
  if (pinned.size !== asked.fields.size + 1) throw unlike('form conditions')
}

function assertFields(asked: ReadonlyMap<string, string>, sent: Record<string, string>): void {
  const names = Object.keys(sent)
  // Stores compare the names of fields without looking at case.
  if (new Set(names.map((name) => name.toLowerCase())).size !== names.length) {
    throw unlike('form field twice')
  }
  if (names.length !== asked.size + UNBOUND.size) throw unlike('form fields')
  for (const [name, value] of asked) if (sent[name] !== value) throw unlike('form field')
  if (!/^[0-9a-f]{64}$/.test(sent['x-amz-signature'] ?? '')) throw unlike('form signature')
}

function readPolicy(base64: string): { expiration: unknown; conditions: readonly unknown[] } {
  try {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
    const policy: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    const { expiration, conditions, ...more } = policy as Record<string, unknown>
    if (Array.isArray(conditions) && Object.keys(more).length === 0) {
      return { expiration, conditions }
    }
  } catch {
    // Told below, as anything else that is no policy: the parser's own words would show the text.
  }
  throw unlike('form policy')
}

/** What the conditions pin, by name; each name once, and the range of sizes besides. */
function pinnedValues(
  conditions: readonly unknown[],
  { minBytes, maxBytes }: AskedForm,
): ReadonlyMap<string, unknown> {
  const pinned = new Map<string, unknown>()
  let ranges = 0
  for (const condition of conditions) {
    if (Array.isArray(condition) && condition[0] === 'content-length-range') {
      const [, min, max, more] = condition
      if (min !== minBytes || max !== maxBytes || more !== undefined) throw unlike('form range')
      ranges += 1
      continue
    }
    const [name, value] = equalsOf(condition)
    if (pinned.has(name)) throw unlike('form condition twice')
    pinned.set(name, value)
  }
  if (ranges !== 1) throw unlike('form range')
  return pinned
}

/** Both spellings: `["eq", "$name", value]` and `{"name": value}`. */
function equalsOf(condition: unknown): [name: string, value: unknown] {
  if (Array.isArray(condition)) {
    const [operator, name, value, more] = condition
    if (operator === 'eq' && typeof name === 'string' && name.startsWith('$') && !more) {
      return [name.slice(1), value]
    }
  } else if (typeof condition === 'object' && condition !== null) {
    const [entry, more] = Object.entries(condition)
    if (entry !== undefined && more === undefined) return entry
  }
  throw unlike('form operator')
}

function unlike(rule: string): GatewayError {
  return new GatewayError('InternalError', 'Cannot hand out the grant: it is not what was asked', {
    facts: { rule },
  })
}
