import { equalDigests, fromBase64Url, type Hashing, toBase64Url } from '../hashing.ts'
import { ByteReader, ByteWriter } from './byte-codec.ts'
import { type Hold, MAX_LIMITS, MAX_SUBJECTS } from './port.ts'

/** A key that seals tickets. Old ones verify for as long as objects live. */
export interface TicketKey {
  /** 1 and up. */
  readonly id: number
  readonly key: Uint8Array
}

/** Where an object lies: covered by the seal, not inside it, so a copied ticket does not verify. */
export interface TicketPlace {
  readonly store: string
  readonly bucket: string
  readonly key: string
}

/** A sealed note that travels as the object's metadata: whose bytes these are. No names, only ids. */
export interface Ticket {
  readonly rid: string
  readonly partition: number
  readonly issuedMs: number
  readonly expMs: number
  readonly urlExpMs: number
  readonly fingerprint: string
  readonly hold: Hold
  readonly subjects: readonly string[]
}

export interface TicketKeys {
  readonly hashing: Hashing
  /** The first one seals, all verify. */
  readonly keys: readonly TicketKey[]
}

const VERSION = 1
const MAC_BYTES = 16
/** Characters on the wire: half of the 2 KiB that S3 gives all metadata. */
export const MAX_TICKET_CHARACTERS = 1024
const MAX_TEXT_BYTES = 64
/** A count a subject, and four numbers a limit; a store's room and the lock of an object come on top. */
const MAX_HOLD_NUMBERS = MAX_SUBJECTS + (MAX_LIMITS + 2) * 4

// Sealing and opening wait for nothing, so that all tickets can be written in the same memory.
const bodyWriter = new ByteWriter()
const macWriter = new ByteWriter()

/** Seals a ticket for one place. Throws `RangeError` for what `openTicket` would refuse. */
export function sealTicket(
  { hashing, keys }: TicketKeys,
  ticket: Ticket,
  place: TicketPlace,
): string {
  const [current] = keys
  if (current === undefined) throw new RangeError('Cannot seal a ticket: there is no key')
  const writer = bodyWriter.clear()
  writer.number(VERSION)
  writer.number(current.id)
  writeShort(writer, ticket.rid)
  writer.number(ticket.partition)
  for (const at of [ticket.issuedMs, ticket.expMs, ticket.urlExpMs]) writer.number(Math.floor(at))
  writeShort(writer, ticket.fingerprint)
  if (ticket.hold.length > MAX_HOLD_NUMBERS) throw unreadable()
  writer.numbers(ticket.hold)
  if (ticket.subjects.length > MAX_SUBJECTS) throw unreadable()
  writer.number(ticket.subjects.length)
  for (const subject of ticket.subjects) writeShort(writer, subject)
  const body = writer.view()
  const mac = macOf(hashing, current.key, body, place)
  writer.raw(mac)
  const text = toBase64Url(writer.view())
  if (text.length > MAX_TICKET_CHARACTERS) throw new RangeError('Cannot seal a ticket: too long')
  return text
}

/** What `readTicket` bounds is bounded here: a ticket that would not open is never handed out. */
function writeShort(writer: ByteWriter, text: string): void {
  if (writer.text(text) > MAX_TEXT_BYTES) throw unreadable()
}

function unreadable(): RangeError {
  return new RangeError('Cannot seal a ticket: it would not open')
}

/**
 * Opens a ticket found at a place. `undefined` for anything that was not sealed for this very place
 * by one of the keys: forged, altered, foreign, copied, malformed. Never throws.
 */
export function openTicket(
  { hashing, keys }: TicketKeys,
  text: string,
  place: TicketPlace,
): Ticket | undefined {
  if (text.length > MAX_TICKET_CHARACTERS) return undefined
  const sealed = fromBase64Url(text)
  if (sealed === undefined || sealed.length <= MAC_BYTES) return undefined
  const body = sealed.subarray(0, sealed.length - MAC_BYTES)
  const reader = new ByteReader(body)
  if (reader.number() !== VERSION) return undefined
  const id = reader.number()
  const key = keys.find((candidate) => candidate.id === id)
  if (key === undefined) return undefined
  const mac = macOf(hashing, key.key, body, place)
  if (!equalDigests(mac, sealed.subarray(sealed.length - MAC_BYTES))) return undefined
  return readTicket(reader)
}

/**
 * Id of the key that a ticket says it was sealed by, whether it was or not; `undefined` for what is no
 * ticket of this version. Never throws.
 */
export function ticketKeyId(text: string): number | undefined {
  if (text.length > MAX_TICKET_CHARACTERS) return undefined
  const sealed = fromBase64Url(text)
  if (sealed === undefined || sealed.length <= MAC_BYTES) return undefined
  const reader = new ByteReader(sealed)
  if (reader.number() !== VERSION) return undefined
  const id = reader.number()
  return reader.failed ? undefined : id
}

function readTicket(reader: ByteReader): Ticket | undefined {
  const rid = reader.text(MAX_TEXT_BYTES)
  const partition = reader.number()
  const issuedMs = reader.number()
  const expMs = reader.number()
  const urlExpMs = reader.number()
  const fingerprint = reader.text(MAX_TEXT_BYTES)
  const hold = reader.numbers(MAX_HOLD_NUMBERS)
  const count = reader.number()
  if (count > MAX_SUBJECTS) return undefined
  const subjects = Array.from({ length: count }, () => reader.text(MAX_TEXT_BYTES))
  if (reader.failed || !reader.done) return undefined
  return { rid, partition, issuedMs, expMs, urlExpMs, fingerprint, hold, subjects }
}

function macOf(
  hashing: Hashing,
  key: Uint8Array,
  body: Uint8Array,
  place: TicketPlace,
): Uint8Array {
  const writer = macWriter.clear()
  writer.number(body.length)
  writer.raw(body)
  for (const name of [place.store, place.bucket, place.key]) writer.text(name)
  return hashing.hmacSha256(key, writer.view()).subarray(0, MAC_BYTES)
}
