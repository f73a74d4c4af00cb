import type { Hashing, TextHash } from '../hashing.ts'
import { encodeSegment } from '../object-key.ts'
import { toAmzDate } from '../stores/amz-date.ts'
import type { StoreCredential } from '../stores/store.ts'
import type { PolicySigner } from './presigner.ts'

const ALGORITHM = 'AWS4-HMAC-SHA256'

/** What all signatures of one credential in one second share. */
export interface NativeSigner {
  /** HMAC by the signing key of the day, region and service. */
  readonly hmac: TextHash
  /** The query from its algorithm to `X-Amz-Expires=`. */
  readonly queryHead: string
  /** `&X-Amz-Security-Token=…`, or nothing. */
  readonly token: string
  /** The string to sign but its last line. */
  readonly stringHead: string
}

interface Kept {
  readonly day: string
  readonly region: string
  readonly date: string
  readonly signer: NativeSigner
}

/**
 * Keeps what is derived from a credential between requests: for its last second and, within that,
 * for its last day and region. There is one entry a credential, found by the object and not by a
 * secret, and it goes with the credential: the cache cannot outgrow the configuration.
 */
export function createNativeSigners(hashing: Hashing): (signer: PolicySigner) => NativeSigner {
  const kept = new WeakMap<StoreCredential, Kept>()
  return function signerOf({ credential, region, signedAtMs }) {
    const date = toAmzDate(signedAtMs)
    const found = kept.get(credential)
    const sameRegion = found?.region === region
    if (sameRegion && found.date === date) return found.signer
    const day = date.slice(0, 8)
    const sameKey = sameRegion && found.day === day
    const hmac = sameKey ? found.signer.hmac : signingKey(hashing, credential, [day, region])
    const signer = signerAt({ hmac, credential, date, scope: `${day}/${region}/s3/aws4_request` })
    kept.set(credential, { day, region, date, signer })
    return signer
  }
}

function signerAt({
  hmac,
  credential: { accessKeyId, sessionToken },
  date,
  scope,
}: {
  hmac: TextHash
  credential: StoreCredential
  date: string
  scope: string
}): NativeSigner {
  const id = encodeSegment(`${accessKeyId}/${scope}`)
  const token = sessionToken === undefined ? undefined : encodeSegment(sessionToken.reveal())
  return {
    hmac,
    queryHead: `X-Amz-Algorithm=${ALGORITHM}&X-Amz-Credential=${id}&X-Amz-Date=${date}&X-Amz-Expires=`,
    token: token === undefined ? '' : `&X-Amz-Security-Token=${token}`,
    stringHead: `${ALGORITHM}\n${date}\n${scope}\n`,
  }
}

function signingKey(
  hashing: Hashing,
  { secretAccessKey }: StoreCredential,
  parts: readonly [day: string, region: string],
): TextHash {
  const secret = new TextEncoder().encode(`AWS4${secretAccessKey.reveal()}`)
  const key = [...parts, 's3', 'aws4_request'].reduce<Uint8Array>(
    (chained, part) => hashing.hmacSha256(chained, part),
    secret,
  )
  return hashing.textHash(key)
}
