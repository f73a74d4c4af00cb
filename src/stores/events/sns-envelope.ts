import { type JsonObject, memberOf } from './event-json.ts'

/** `Type` of an envelope that has a message in it. */
export const NOTIFICATION = 'Notification'
/** `Type` of the envelope that asks whether a subscription is wanted. */
export const SUBSCRIPTION = 'SubscriptionConfirmation'

const CONFIRMATION_FIELDS = [
  'Message',
  'MessageId',
  'SubscribeURL',
  'Timestamp',
  'Token',
  'TopicArn',
  'Type',
]
/** What is signed, in this order (Amazon SNS Developer Guide, verifying the signatures of messages). */
const SIGNED_FIELDS: Readonly<Record<string, readonly string[]>> = {
  [NOTIFICATION]: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  [SUBSCRIPTION]: CONFIRMATION_FIELDS,
  UnsubscribeConfirmation: CONFIRMATION_FIELDS,
}
const OPTIONAL_FIELDS = ['Subject']

// The text itself is matched, so that no parser of URLs can see another host in it.
const HOST = /^https:\/\/sns\.[a-z0-9-]{1,63}\.amazonaws\.com(?:\.cn)?/
const CERTIFICATE_URL = new RegExp(
  `${HOST.source}/SimpleNotificationService-[A-Za-z0-9]{1,128}\\.pem$`,
)
const SUBSCRIBE_URL = new RegExp(`${HOST.source}/\\?([A-Za-z0-9=&:._%+-]{1,2048})$`)

/** True for an envelope of SNS, whatever it says. */
export function isSnsEnvelope(body: JsonObject): boolean {
  const { Type: type } = body
  return typeof type === 'string' && Object.hasOwn(SIGNED_FIELDS, type)
}

/** True for a place that SNS itself keeps certificates at: https, its host, its path, nothing else. */
export function isCertificateUrl(text: unknown): text is string {
  return typeof text === 'string' && CERTIFICATE_URL.test(text)
}

/** The URL that confirms a subscription to the envelope's own topic; `undefined` for any other. */
export function subscribeUrlOf(envelope: JsonObject): string | undefined {
  const url = envelope.SubscribeURL
  const query = typeof url === 'string' ? SUBSCRIBE_URL.exec(url)?.[1] : undefined
  if (typeof url !== 'string' || query === undefined) return undefined
  const parameters = new URLSearchParams(query)
  const isOwn =
    parameters.get('Action') === 'ConfirmSubscription' &&
    parameters.get('TopicArn') === envelope.TopicArn &&
    parameters.get('Token') === envelope.Token
  return isOwn ? url : undefined
}

/** Name and value of each signed field on a line of its own; `undefined` when one is no text. */
export function stringToSign(envelope: JsonObject): string | undefined {
  let text = ''
  for (const name of SIGNED_FIELDS[String(envelope.Type)] ?? []) {
    const value = memberOf(envelope, name)
    const isAbsent = value === undefined || value === null
    if (isAbsent && OPTIONAL_FIELDS.includes(name)) continue
    if (typeof value !== 'string') return undefined
    text += `${name}\n${value}\n`
  }
  return text
}
