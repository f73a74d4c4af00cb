import type { StoreEvent } from '../../stores/events/store-event.ts'

/** What was delivered before, as far as this process remembers. */
export interface EventMemory {
  /** `repeated`: it was taken before. `older`: a later one of the same object was. */
  reasonToIgnore(store: string, event: StoreEvent): 'repeated' | 'older' | undefined
  remember(store: string, event: StoreEvent): void
}

/** Events, and objects, that are remembered: the one of longest ago is forgotten for a new one. */
const MAX_REMEMBERED = 50_000
/** Hexadecimal digits of a sequencer: AWS and MinIO have 16 or 18. */
const MAX_SEQUENCER = 64

/**
 * Remembers ids of events, and the newest sequencer of each object. What is forgotten costs one look at
 * the store, for looking again changes nothing.
 */
export function createEventMemory(maxRemembered = MAX_REMEMBERED): EventMemory {
  const ids = new Set<string>()
  const newest = new Map<string, string>()
  return {
    reasonToIgnore(store, event) {
      if (ids.has(`${store} ${event.id}`)) return 'repeated'
      const own = sequencerOf(event)
      const known = own === undefined ? undefined : newest.get(objectOf(store, event))
      return known !== undefined && own !== undefined && own < known ? 'older' : undefined
    },
    remember(store, event) {
      ids.add(`${store} ${event.id}`)
      forgetOldest(ids, maxRemembered)
      const own = sequencerOf(event)
      if (own === undefined) return
      const object = objectOf(store, event)
      newest.delete(object)
      newest.set(object, own)
      forgetOldest(newest, maxRemembered)
    },
  }
}

/**
 * The sequencer, so that texts compare as numbers do; undefined where order means nothing. A removal names
 * the upload that is gone, which an object that came after it does not make less true. Ceph's is two
 * little-endian numbers, seconds and nanoseconds (measured on 16.2.15).
 */
function sequencerOf({ type, shape, sequencer = '' }: StoreEvent): string | undefined {
  if (type !== 'created' || !/^[0-9a-f]+$/i.test(sequencer)) return undefined
  if (sequencer.length > MAX_SEQUENCER) return undefined
  const inOrder =
    shape === 'ceph'
      ? reversedBytes(sequencer.slice(0, 8)) + reversedBytes(sequencer.slice(8))
      : sequencer
  return inOrder.toLowerCase().padStart(MAX_SEQUENCER, '0')
}

function reversedBytes(digits: string): string {
  return (digits.match(/../g) ?? []).reverse().join('')
}

function objectOf(store: string, { bucket, keys: [key = ''] }: StoreEvent): string {
  return `${store} ${bucket} ${key}`
}

function forgetOldest(remembered: Set<string> | Map<string, string>, most: number): void {
  if (remembered.size <= most) return
  const [oldest] = remembered.keys()
  if (oldest !== undefined) remembered.delete(oldest)
}
