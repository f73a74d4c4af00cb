import { GatewayError } from '../../errors.ts'
import { type JsonObject, parseEventJson, textOf } from './event-json.ts'
import type { SnsPorts, VerifyWithCertificate } from './event-ports.ts'
import {
  isCertificateUrl,
  NOTIFICATION,
  SUBSCRIPTION,
  stringToSign,
  subscribeUrlOf,
} from './sns-envelope.ts'

type Signed = Omit<Parameters<VerifyWithCertificate>[0], 'pem'>

/** What a proven envelope holds. */
export interface SnsMessage {
  /** `undefined` for what is no JSON. */
  readonly body: unknown
  /** False for an envelope without a message, which asks for nothing or was answered already. */
  readonly isNotification: boolean
  readonly messageId: string | undefined
}

const HASHES: Readonly<Record<string, Signed['hash']>> = { '1': 'SHA-1', '2': 'SHA-256' }
/** RSA of 8,192 bits. */
const MAX_SIGNATURE_BYTES = 1_024
const encoder = new TextEncoder()

/**
 * Verifies an envelope of SNS (`providers.md` section 5.4). Nothing is fetched unless its topic is
 * listed and its URLs are SNS's own; a subscription is confirmed after its envelope has verified.
 * `undefined` for what does not verify. Throws `AuthUnavailable` when the certificate cannot be had
 * now, or the confirmation does not get through: SNS then tries again.
 */
export async function provenSnsMessage(
  envelope: JsonObject,
  { topicArns, ports }: { topicArns: ReadonlySet<string>; ports: SnsPorts },
): Promise<SnsMessage | undefined> {
  const { TopicArn, SigningCertURL, Type } = envelope
  if (typeof TopicArn !== 'string' || !topicArns.has(TopicArn)) return undefined
  const subscribeUrl = Type === SUBSCRIPTION ? subscribeUrlOf(envelope) : undefined
  if (Type === SUBSCRIPTION && subscribeUrl === undefined) return undefined
  const signed = signedPartOf(envelope)
  if (signed === undefined || !isCertificateUrl(SigningCertURL)) return undefined
  const pem = await orUnavailable(ports.fetchCertificate(SigningCertURL))
  if (pem === undefined || !ports.verifyWithCertificate({ pem, ...signed })) return undefined
  if (subscribeUrl !== undefined) await orUnavailable(ports.confirmSubscription(subscribeUrl))
  return {
    body: parseEventJson(String(envelope.Message)),
    isNotification: Type === NOTIFICATION,
    messageId: textOf(envelope, 'MessageId'),
  }
}

function signedPartOf(envelope: JsonObject): Signed | undefined {
  const { SignatureVersion } = envelope
  const hash = typeof SignatureVersion === 'string' ? HASHES[SignatureVersion] : undefined
  const text = stringToSign(envelope)
  const signature = bytesOf(envelope.Signature)
  if (hash === undefined || text === undefined || signature === undefined) return undefined
  return { data: encoder.encode(text), signature, hash }
}

function bytesOf(base64: unknown): Uint8Array | undefined {
  if (typeof base64 !== 'string' || base64.length > MAX_SIGNATURE_BYTES * 2) return undefined
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  } catch {
    return undefined
  }
}

async function orUnavailable<Result>(answer: Promise<Result>): Promise<Result> {
  try {
    return await answer
  } catch (cause) {
    throw new GatewayError('AuthUnavailable', 'Cannot prove the event: SNS gave no answer', {
      cause,
    })
  }
}
