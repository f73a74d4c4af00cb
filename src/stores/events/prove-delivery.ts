import { unauthenticated } from '../../auth/bearer.ts'
import type { EventWrapper } from './detect.ts'
import {
  B2_SIGNATURE,
  isEventSecret,
  isOpaqueProof,
  isSignedByB2,
  presentedPassword,
  presentedToken,
} from './event-auth.ts'
import { objectOf, parseEventJson } from './event-json.ts'
import type { EventDelivery, EventPorts } from './event-ports.ts'
import type { EventSettings } from './event-settings.ts'
import { isPubSubToken } from './pub-sub-token.ts'
import { isSnsEnvelope } from './sns-envelope.ts'
import { provenSnsMessage } from './sns-proof.ts'

/** A body whose sender is known. */
export interface ProvenBody {
  readonly settings: EventSettings
  /** JSON; `undefined` for what is none. */
  readonly body: unknown
  /** False for what is answered already: nothing is to be looked for in it. */
  readonly isNotification: boolean
  /** What this sender may put around records. */
  readonly wrappers: readonly EventWrapper[]
  readonly messageId?: string | undefined
}

/** A forwarder hands on whatever reached it. */
const FORWARDED: readonly EventWrapper[] = ['list', 'sqs', 'sns', 'push']

/**
 * Finds out whether a delivery is proven (`providers.md` section 5.1), by the provider's own proof or
 * by a secret as bearer token. One proof is enough; B2's signature, where there is one, must be right
 * all the same. The body is parsed after the proof, unless the proof is in it. Throws
 * `Unauthenticated`, whatever is wrong, and `AuthUnavailable`.
 */
export async function proveDelivery(
  settings: EventSettings | undefined,
  { headers, raw }: EventDelivery,
  ports: EventPorts,
): Promise<ProvenBody> {
  const { hashing } = ports
  const isSecret = (text: string) => isEventSecret(text, settings, hashing)
  const token = presentedToken(headers)
  // Always compared, so that a store that does not exist costs what one does that does.
  const isForwarder = isSecret(token ?? '')
  if (settings === undefined) throw unauthenticated()
  const proven = (wrappers: readonly EventWrapper[], body: unknown): ProvenBody => ({
    settings,
    body,
    isNotification: true,
    wrappers,
  })
  const { auth, topicArns } = settings
  const signature = headers.get(B2_SIGNATURE)
  if (auth === 'hmac' && signature !== null) {
    if (!isSignedByB2(signature, raw, { settings, hashing })) throw unauthenticated()
    return proven([], parseEventJson(raw))
  }
  if (isForwarder || (auth === 'basic-or-bearer' && isSecret(presentedPassword(headers) ?? ''))) {
    return proven(FORWARDED, parseEventJson(raw))
  }
  if (
    auth === 'oidc' &&
    token !== undefined &&
    (await isPubSubToken(token, { settings, ...ports }))
  ) {
    return proven(['push'], parseEventJson(raw))
  }
  if (auth === 'opaque') {
    const body = parseEventJson(raw)
    if (isOpaqueProof(body, isSecret)) return proven([], body)
  }
  if (auth === 'sns' && topicArns.size > 0) {
    const body = objectOf(parseEventJson(raw))
    const isEnvelope = body !== undefined && isSnsEnvelope(body)
    const message = isEnvelope && (await provenSnsMessage(body, { topicArns, ports: ports.sns }))
    if (message) return { settings, wrappers: [], ...message }
  }
  throw unauthenticated()
}
