import { GatewayError } from '../errors.ts'
import type { Hold, Reservation } from '../ledger/port.ts'

/** An object that is charged: what its ticket says, and its real size. */
export interface ChargedObject {
  /** Reservation that it came by. */
  readonly rid: string
  readonly partition: number
  readonly urlExpMs: number
  readonly subjects: readonly string[]
  readonly hold: Hold
  readonly sizeBytes: number
}

/** A multipart upload as the ledger knows it. */
export interface MultipartNote {
  /** The store's upload id; absent until the store has made one. */
  readonly id?: string
  readonly partSizeBytes: number
  readonly partCount: number
  /** Every part must come with its SHA-256. */
  readonly checksums?: true
}

/** What was seen of an object that a live form can still replace. */
export interface SeenObject {
  readonly sizeBytes: number
  readonly etag: string
  readonly versionId?: string
  readonly atMs: number
}

/** Why the parts of an upload are not put together: they are more than reserved, or the key is taken. */
export type RejectReason = 'too-much' | 'key-taken'

/** What the ledger keeps beside the numbers of an upload: where the object is and whose it is. */
export interface UploadNote {
  readonly kind: 'upload'
  readonly tenant: string
  readonly user: string
  /** Gateway bucket name. */
  readonly bucket: string
  /** Where it was placed: store, the store's bucket, the placement's prefix. */
  readonly place: readonly [store: string, bucket: string, prefix: string]
  readonly key: string
  readonly sizeBytes: number
  readonly contentType: string
  readonly createdMs: number
  /** How long before `exp` the URL ends: the store's longest transfer and a minute. */
  readonly afterUrlMs: number
  readonly overwrite?: true
  /** It comes by a form, which carries no condition. */
  readonly post?: true
  /** `sizeBytes` is an upper bound: a form with a range. */
  readonly atMost?: true
  readonly multipart?: MultipartNote
  /** No upload of its own: the store may have made one by this time that nobody knows the id of. */
  readonly leftover?: { readonly sinceMs: number }
  /** Nothing may be there already, where only the gateway's Complete can see to it. */
  readonly writeOnce?: true
  /**
   * `x-amz-*` headers of its own that are signed with a PUT, besides metadata: names with commas between
   * them. What was asked for cannot be changed by anybody, so none of it is looked for.
   */
  readonly signed?: string
  /** The caller said that it is there, while its form can still replace it. */
  readonly seen?: SeenObject
  /** The object that an overwrite replaces, once it is known to have been charged, and to whom. */
  readonly replaces?: ChargedObject
  /** The caller asked to abort; the ledger's record stays pending until the URL is dead. */
  readonly aborted?: true
  /** When parts of it were signed no more, by the ledger: absent for one that just came to its end. */
  readonly abortedMs?: number
  /** When the store was last asked to put its parts together, by the ledger. */
  readonly completingMs?: number
  readonly rejected?: true
  /** Why, of one that was rejected before it was put together. */
  readonly rejectedFor?: RejectReason
  /** Headers that nobody signed and that its object shows the effect of: why it was rejected. */
  readonly altered?: readonly string[]
  /** Looks of the sweeper that the store did not answer. */
  readonly failures?: number
  /** Once settled. */
  readonly etag?: string
  readonly versionId?: string
  readonly settledMs?: number
}

/** What the ledger keeps for a deleted object until its bytes may be credited. */
export interface DeleteNote {
  readonly kind: 'delete'
  readonly tenant: string
  readonly bucket: string
  readonly place: readonly [store: string, bucket: string, prefix: string]
  readonly key: string
  readonly sizeBytes: number
  /** Reservation id in the deleted object's ticket. */
  readonly uploadId: string
  /** When no transfer by the object's own URL can still be running. */
  readonly deadAtMs: number
  readonly failures?: number
  /** When it was posted, by the ledger's clock as a gateway knew it. */
  readonly postedMs?: number
}

/** What the ledger keeps of an adjustment, so that a sweeper can finish one that a crash cut off. */
export interface AdjustNote {
  readonly kind: 'adjust'
  readonly tenant: string
  /** Absent for a limit of the whole tenant that was adjusted without naming a user. */
  readonly user?: string
  /** Of what a store holds; the tenant is empty then. */
  readonly store?: string
  /** The operator's own name of it. */
  readonly id: string
  readonly policy: string
  readonly counts: 'stored-bytes' | 'stored-objects'
  /** Added to what the total has posted: signed. */
  readonly delta: number
  readonly reason: string
  readonly failures?: number
  /** When it was posted, as of `DeleteNote`. */
  readonly postedMs?: number
}

export type ReservationNote = UploadNote | DeleteNote | AdjustNote

/**
 * A note as the ledger keeps it: a JSON array whose places have the meaning, as millions of them lie
 * in memory. What is rare comes last, as an object.
 */
export function noteText(note: ReservationNote): string {
  if (note.kind === 'upload') {
    if (note.etag === undefined && note.settledMs === undefined) return pendingText(note)
    const { kind: _, tenant, user, bucket, place, key, sizeBytes, contentType, ...more } = note
    const { createdMs, afterUrlMs, etag, settledMs, ...others } = more
    const isSettled = etag !== undefined && settledMs !== undefined
    // Of a settled one the end has places of its own: those lie there until it is forgotten.
    const end = isSettled ? [etag, settledMs - createdMs] : []
    const rare = isSettled ? others : definedOf({ ...others, etag, settledMs })
    const usual = [tenant, user, bucket, ...place, key, sizeBytes, contentType]
    return JSON.stringify(['u', ...usual, createdMs, afterUrlMs, ...end, ...rest(rare)])
  }
  if (note.kind === 'adjust') {
    const { kind: _, tenant, id, policy, counts, delta, reason, ...rare } = note
    return JSON.stringify(['a', tenant, id, policy, counts, delta, reason, ...rest(rare)])
  }
  const { kind: _, tenant, bucket, place, key, sizeBytes, uploadId, deadAtMs, ...rare } = note
  const usual = [tenant, bucket, ...place, key, sizeBytes, uploadId, deadAtMs]
  return JSON.stringify(['d', ...usual, ...rest(rare)])
}

/** The same text for one that has not ended, as nearly all are written: without copies in between. */
function pendingText(note: UploadNote): string {
  const { tenant, user, bucket, place, key, sizeBytes, contentType, createdMs, afterUrlMs } = note
  const [store, storeBucket, prefix] = place
  const where = [tenant, user, bucket, store, storeBucket, prefix, key]
  let rare: Record<string, unknown> | undefined
  for (const name of Object.keys(note)) {
    const value = PLACED.has(name) ? undefined : note[name as keyof UploadNote]
    if (value === undefined) continue
    rare ??= {}
    rare[name] = value
  }
  const usual = [sizeBytes, contentType, createdMs, afterUrlMs]
  return JSON.stringify(['u', ...where, ...usual, ...(rare === undefined ? [] : [rare])])
}

/** Members of an upload's note that have places of their own. */
const PLACED: ReadonlySet<string> = new Set<keyof UploadNote>([
  ...(['kind', 'tenant', 'user', 'bucket', 'place', 'key'] as const),
  ...(['sizeBytes', 'contentType', 'createdMs', 'afterUrlMs'] as const),
])

function rest(rare: object): object[] {
  return Object.keys(rare).length === 0 ? [] : [rare]
}

function definedOf(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}

function uploadNote(parts: readonly unknown[]): UploadNote {
  const [, tenant, user, bucket, store, storeBucket, prefix, key, sizeBytes, ...more] = parts
  const [contentType, createdMs, afterUrlMs, ...last] = more
  const place = [store, storeBucket, prefix]
  const usual = { tenant, user, bucket, place, key, sizeBytes, contentType, createdMs, afterUrlMs }
  const [etag, afterMs] = last
  if (typeof etag !== 'string') {
    return { kind: 'upload', ...usual, ...(etag as object) } as unknown as UploadNote
  }
  const end = { etag, settledMs: Number(createdMs) + Number(afterMs) }
  return { kind: 'upload', ...usual, ...end, ...(last[2] as object) } as unknown as UploadNote
}

function deleteNote(parts: readonly unknown[]): DeleteNote {
  const [, tenant, bucket, store, storeBucket, prefix, key, sizeBytes, ...more] = parts
  const [uploadId, deadAtMs, rare] = more
  const place = [store, storeBucket, prefix]
  const usual = { tenant, bucket, place, key, sizeBytes, uploadId, deadAtMs }
  return { kind: 'delete', ...usual, ...(rare as object) } as unknown as DeleteNote
}

function adjustNote(parts: readonly unknown[]): AdjustNote {
  const [, tenant, id, policy, counts, delta, reason, rare] = parts
  const usual = { tenant, id, policy, counts, delta, reason }
  return { kind: 'adjust', ...usual, ...(rare as object) } as unknown as AdjustNote
}

/** Reads a note back; throws `InternalError` for one that this version did not write. */
export function parseNote(text: string): ReservationNote {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new GatewayError('InternalError', 'Cannot read a reservation: not JSON', { cause })
  }
  if (Array.isArray(value) && value[0] === 'u') return uploadNote(value)
  if (Array.isArray(value) && value[0] === 'd') return deleteNote(value)
  if (Array.isArray(value) && value[0] === 'a') return adjustNote(value)
  // Ledgers of version 0.1.0 hold objects.
  const kind = (value as { kind?: unknown } | null)?.kind
  if (kind !== 'upload' && kind !== 'delete') {
    throw new GatewayError('InternalError', 'Cannot read a reservation: unknown kind of note')
  }
  return value as ReservationNote
}

/** The note of an upload, or `undefined` for another kind of reservation. */
export function uploadNoteOf(reservation: Reservation): UploadNote | undefined {
  const note = parseNote(reservation.note)
  return note.kind === 'upload' ? note : undefined
}

/** When a settled reservation was posted, as its note tells; `undefined` where it does not. */
export function postedMsIn(text: string): number | undefined {
  try {
    const note = parseNote(text)
    return note.kind === 'upload' ? note.settledMs : note.postedMs
  } catch {
    return undefined
  }
}

/** When the URL of an upload ends, in milliseconds, in whole seconds. */
export function urlExpiryMs(expMs: number, afterUrlMs: number): number {
  return Math.floor((expMs - afterUrlMs) / 1000) * 1000
}
