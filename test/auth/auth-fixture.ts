import { createHash } from 'node:crypto'
import { createApiKey, hashApiKey } from '../../src/auth/api-key.ts'
import { createAuthenticator } from '../../src/auth/authenticate.ts'
import type { PresentedCredentials } from '../../src/auth/bearer.ts'
import type { KeyRecord } from '../../src/auth/key-record.ts'
import type { RotatingSecret, VersionedSecret } from '../../src/auth/rotating-secret.ts'
import { GatewayError } from '../../src/errors.ts'
import type { Hashing } from '../../src/hashing.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret } from '../../src/secret.ts'

/** A pepper of a version. */
export function pepper(version: number): VersionedSecret {
  return { version, secret: new Secret(`pepper of version ${version}, long enough for a test`) }
}

/** An authenticator whose keys and peppers stay as they are. */
export function authenticatorOf({
  keys,
  peppers,
  hashing = nodeHashing,
}: {
  readonly keys: ReadonlyMap<string, KeyRecord>
  readonly peppers: RotatingSecret
  readonly hashing?: Hashing
}) {
  const clock = { nowMs: () => 0 }
  return createAuthenticator({ hashing, clock, keys: () => keys, peppers: () => peppers })
}

/** Bytes that look random and are the same every time. */
export function bytesFrom(seed: string): (length: number) => Uint8Array {
  return (length) => createHash('sha512').update(seed).digest().subarray(0, length)
}

/** A key, and its record for alice of acme. */
export function keyAndRecord(
  id: string,
  made: VersionedSecret = pepper(1),
): { text: string; record: KeyRecord } {
  const key = createApiKey(bytesFrom(`key ${id}`), id)
  const record: KeyRecord = {
    id,
    tenant: 'acme',
    user: 'alice',
    hashes: [{ hash: hashApiKey(nodeHashing, made, key) }],
    permissions: [],
    source: 'configuration',
  }
  return { text: key.reveal(), record }
}

/** Hash functions that count their calls. */
export function countedHashing(): Hashing & { calls: { sha256: number; hmacSha256: number } } {
  const calls = { sha256: 0, hmacSha256: 0 }
  return {
    ...nodeHashing,
    calls,
    sha256(data) {
      calls.sha256 += 1
      return nodeHashing.sha256(data)
    },
    sha256Hex(data) {
      calls.sha256 += 1
      return nodeHashing.sha256Hex(data)
    },
    hmacSha256(key, data) {
      calls.hmacSha256 += 1
      return nodeHashing.hmacSha256(key, data)
    },
  }
}

/** A request with this `Authorization` and nothing else. */
export function authorization(value: string | null): PresentedCredentials {
  return { authorization: value, hasQueryCredential: false, hasOtherCredential: false }
}

/** The code and message that a call throws. */
export function refusalOf(call: () => unknown): { code: string; message: string } {
  try {
    call()
  } catch (error) {
    if (error instanceof GatewayError) return { code: error.code, message: error.message }
    throw error
  }
  throw new Error('Nothing was refused')
}
