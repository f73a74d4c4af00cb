import { B2_SIGNATURE, isEventSecret, presentedPassword, presentedToken } from './event-auth.ts'
import type { EventPorts } from './event-ports.ts'
import type { EventSettings } from './event-settings.ts'
import { isPubSubToken } from './pub-sub-token.ts'

/**
 * What the headers of a delivery say of its proof: `shown` by them alone, `in-body` where only the body can
 * show it, and `missing` where no body could, so that a stranger's is left unread. It saves work and decides
 * nothing: that is for `readEvents`. Throws `AuthUnavailable`.
 */
export async function proofInHeaders(
  settings: EventSettings | undefined,
  headers: Headers,
  ports: Pick<EventPorts, 'hashing' | 'googleKeys' | 'clock'>,
): Promise<'shown' | 'in-body' | 'missing'> {
  const token = presentedToken(headers)
  const isSecret = (text: string | undefined) => isEventSecret(text ?? '', settings, ports.hashing)
  if (isSecret(token)) return 'shown'
  switch (settings?.auth) {
    case 'basic-or-bearer':
      return isSecret(presentedPassword(headers)) ? 'shown' : 'missing'
    case 'oidc': {
      const isToken = token !== undefined && (await isPubSubToken(token, { settings, ...ports }))
      return isToken ? 'shown' : 'missing'
    }
    case 'hmac':
      return headers.has(B2_SIGNATURE) ? 'in-body' : 'missing'
    case 'sns':
      return settings.topicArns.size > 0 ? 'in-body' : 'missing'
    case 'opaque':
      return 'in-body'
    default:
      return 'missing'
  }
}
