import { GatewayError } from '../errors.ts'
import { equalDigests, fromBase64Url, type Hashing, toBase64Url } from '../hashing.ts'

/** What a cursor belongs to: the same text for the same caller and query. */
export type CursorScope = readonly string[]

interface CursorKeys {
  readonly hashing: Hashing
  /** Current first: it seals, and all of them open. */
  readonly cursorKeys: readonly Uint8Array[]
}

const MAC_BYTES = 16

/** Seals a position in a list, bound to who asked and what for. */
export function sealCursor(
  { hashing, cursorKeys }: CursorKeys,
  scope: CursorScope,
  position: string,
): string {
  const body = new TextEncoder().encode(position)
  const mac = macOf(hashing, cursorKeys[0] ?? new Uint8Array(), scope, position)
  const sealed = new Uint8Array(MAC_BYTES + body.length)
  sealed.set(mac)
  sealed.set(body, MAC_BYTES)
  return toBase64Url(sealed)
}

/** Throws `InvalidRequest` for a cursor that is forged, foreign or of another query. */
export function openCursor(
  { hashing, cursorKeys }: CursorKeys,
  scope: CursorScope,
  cursor: string,
): string {
  const sealed = fromBase64Url(cursor)
  if (sealed !== undefined && sealed.length > MAC_BYTES) {
    const position = new TextDecoder().decode(sealed.subarray(MAC_BYTES))
    const given = sealed.slice(0, MAC_BYTES)
    const isOurs = cursorKeys.some((key) =>
      equalDigests(macOf(hashing, key, scope, position), given),
    )
    if (isOurs) return position
  }
  throw new GatewayError('InvalidRequest', 'Cannot list: the cursor is not one of this list', {
    fields: [{ path: 'cursor', message: 'is not a cursor of this list' }],
  })
}

function macOf(hashing: Hashing, key: Uint8Array, scope: CursorScope, position: string) {
  return hashing.hmacSha256(key, JSON.stringify([...scope, position])).slice(0, MAC_BYTES)
}
