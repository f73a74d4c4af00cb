import type { Operation, Permission } from '../auth/principal.ts'
import type { RuleVerdict } from '../errors.ts'
import { isWithin, type Networks, parseNetworks } from '../network.ts'
import type { ObjectKey } from '../object-key.ts'

/** What a principal wants to do. */
export interface WantedAccess {
  /** `upload` is one in one piece, `multipart` one in parts: whoever may upload may do both. */
  readonly operation: Operation
  /** Gateway bucket name, as the caller wrote it. */
  readonly bucket: string
  /** Absent: the question is whether anything at all in the bucket may be reached. */
  readonly key?: ObjectKey | undefined
  /** Compared with the rule's own maximum, in bytes; absent: not looked at. */
  readonly sizeBytes?: number | undefined
  /** Essence, compared with the rule's own list; absent: not looked at. */
  readonly contentType?: string | undefined
}

/** Why one rule does not allow something: the first that stands in the way, in this order. */
export type RuleReason = Exclude<RuleVerdict['reason'], 'tenant'>

/** Why a rule does not allow what is wanted from this address; `undefined` when it does. */
export function ruleRefusal(
  rule: Permission,
  wanted: WantedAccess,
  address: string | undefined,
): RuleReason | undefined {
  const { operation, bucket, key, sizeBytes, contentType } = wanted
  if (!grants(rule, operation)) return 'operation'
  if (!rule.buckets.has(bucket)) return 'bucket'
  // Prefix and key are well-formed UTF-16, for which a common prefix of units is one of UTF-8 bytes.
  // Nothing is normalised: NFC and NFD of one name are two keys, as they are for the store.
  if (key !== undefined && !key.text.startsWith(rule.prefix)) return 'prefix'
  if (!takesAddress(rule, address)) return 'network'
  // The type first: rules that differ by type often have a size each.
  const { contentTypes, maxSizeBytes } = rule
  if (contentType !== undefined && contentTypes?.has(contentType) === false) return 'contentType'
  if (sizeBytes !== undefined && maxSizeBytes !== undefined && sizeBytes > maxSizeBytes) {
    return 'sizeBytes'
  }
  return undefined
}

/** What a rule is called in explanations and in the audit log. */
export function ruleName({ name }: Permission, index: number): string {
  return name ?? `allow[${index}]`
}

function grants({ operations }: Permission, operation: Operation): boolean {
  return operations.has(operation) || (operation === 'multipart' && operations.has('upload'))
}

// A rule lives as long as its configuration; reading its networks anew would cost more than matching them.
const parsed = new WeakMap<readonly string[], Networks>()

function takesAddress({ networks }: Permission, address: string | undefined): boolean {
  if (networks === undefined) return true
  if (address === undefined) return false
  let known = parsed.get(networks)
  if (known === undefined) {
    known = parseNetworks(networks)
    parsed.set(networks, known)
  }
  return isWithin(address, known)
}
