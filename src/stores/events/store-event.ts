import type { EventShape } from '../traits.ts'

/**
 * One record of a store's event, normalised (`providers.md` section 5.2): a hint that names an object.
 * Nothing in it is believed but where to look.
 */
export interface StoreEvent {
  readonly shape: EventShape
  /** The store's own bucket name. */
  readonly bucket: string
  /**
   * Keys that it may mean, the likelier first: two where nobody knows whether the provider encodes keys.
   * Each has passed the parser of keys; none is left of a key that nobody could have signed here.
   */
  readonly keys: readonly string[]
  readonly type: 'created' | 'removed' | 'other'
  /** `multipart` is the end of one; its begin is of type `other`. */
  readonly cause?: 'put' | 'post' | 'copy' | 'multipart'
  readonly versionId?: string
  /** Hexadecimal; compares within one key only. */
  readonly sequencer?: string
  readonly etag?: string
  /** As the store wrote it. */
  readonly eventTime?: string
  /** `x-amz-meta-signet` as the event tells it: sealed, so that it can be checked. */
  readonly ticket?: string
  /** Two deliveries of one event have the same, within one store: 32 hexadecimal digits. */
  readonly id: string
}
