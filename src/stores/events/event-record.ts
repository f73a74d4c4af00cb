import type { StoreEvent } from './store-event.ts'

/** What a record tells, whatever its shape, before its key is decoded. */
export interface EventRecord
  extends Pick<
    StoreEvent,
    'bucket' | 'type' | 'cause' | 'versionId' | 'sequencer' | 'etag' | 'eventTime' | 'ticket'
  > {
  /** As the record writes it. */
  readonly keyRaw: string
  /** As the record writes it: tells apart what happened to one object at one time. */
  readonly eventName: string
  /** The provider's own id of the event, where it has one. */
  readonly eventId?: string
}

/** What happened, without where. */
export type Happening = Pick<EventRecord, 'type' | 'cause'>
