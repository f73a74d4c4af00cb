import type { Secret } from '../../secret.ts'
import type { EventAuth, EventShape, EventTraits } from '../traits.ts'

/** `stores.*.events`: what a store's deliveries look like and what proves them. */
export interface EventSettings {
  /**
   * Each proves a delivery: one, or two while one replaces the other. Empty only where SNS or OIDC
   * proves them instead.
   */
  readonly secrets: readonly Secret[]
  /** The one shape that is read; never `none`. */
  readonly shape: EventShape
  /** The provider's own proof. Whatever it is, a forwarder may show a secret as bearer token instead. */
  readonly auth: EventAuth
  readonly keys: EventTraits['keys']
  /** Topics of SNS that are believed. Empty: nothing from SNS is, and nothing is fetched. */
  readonly topicArns: ReadonlySet<string>
  /** `aud` of the tokens of Pub/Sub. Without it none is believed. */
  readonly audience?: string
  /** `email` of the tokens of Pub/Sub; there exactly where `audience` is. */
  readonly serviceAccount?: string
}

/** How each shape is proven and writes its keys, where no profile says otherwise (`providers.md` 5.1, 5.3). */
export const USUAL_EVENTS: Readonly<
  Record<Exclude<EventShape, 'none'>, Pick<EventTraits, 'auth' | 'keys'>>
> = {
  aws: { auth: 'sns', keys: 'form' },
  minio: { auth: 'bearer', keys: 'form' },
  rustfs: { auth: 'bearer', keys: 'form' },
  ceph: { auth: 'opaque', keys: 'raw' },
  r2: { auth: 'bearer', keys: 'raw' },
  b2: { auth: 'hmac', keys: 'raw' },
  tigris: { auth: 'basic-or-bearer', keys: 'raw' },
  gcs: { auth: 'oidc', keys: 'raw' },
  storj: { auth: 'oidc', keys: 'raw' },
  seaweedfs: { auth: 'bearer', keys: 'path' },
}
