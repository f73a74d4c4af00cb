import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromBase64Url, toBase64Url } from '../../src/hashing.ts'
import { MAX_AMOUNT, MAX_LIMITS } from '../../src/ledger/port.ts'
import {
  MAX_TICKET_CHARACTERS,
  openTicket,
  sealTicket,
  type Ticket,
  type TicketKey,
  ticketKeyId,
} from '../../src/ledger/ticket.ts'
import { nodeHashing as hashing } from '../../src/runtime/node-hashing.ts'

const keyOf = (id: number): TicketKey => ({ id, key: hashing.sha256(`key ${id}`) })
const keys = { hashing, keys: [keyOf(2), keyOf(1)] }
const place = { store: 'main', bucket: 'media-prod', key: 'acme/alice/ä cat.jpg' }
const ticket: Ticket = {
  rid: 'up_01ja3b9xk2m4n5p6q7r8s9t0v',
  partition: 0,
  issuedMs: 1_768_478_400_123,
  expMs: 1_768_482_060_000,
  urlExpMs: 1_768_478_700_000,
  fingerprint: 'x'.repeat(43),
  hold: [2, 4_294_967_295, 29_474_640, 12_345, 0, 1, 0, MAX_AMOUNT, 3, 0],
  subjects: ['uAAAAAAAAAAAAAAAA', 'tBBBBBBBBBBBBBBBB'],
}

describe('a ticket', () => {
  it('opens at its own place as it was sealed', () => {
    expect(openTicket(keys, sealTicket(keys, ticket, place), place)).toEqual(ticket)
  })

  it('names the key that it was sealed by, also to who has not got it', () => {
    const text = sealTicket({ hashing, keys: [keyOf(300)] }, ticket, place)
    expect([ticketKeyId(text), openTicket(keys, text, place)]).toEqual([300, undefined])
    for (const none of ['', 'forged', '????', toBase64Url(new Uint8Array(17)), 'A'.repeat(1_025)]) {
      expect(ticketKeyId(none)).toBeUndefined()
    }
  })

  it('any ticket of any numbers opens as it was sealed', () => {
    const number = fc.maxSafeNat()
    const text = fc.string({ unit: 'grapheme', maxLength: 8 })
    const any = fc.record({
      rid: text,
      partition: number,
      issuedMs: number,
      expMs: number,
      urlExpMs: number,
      fingerprint: text,
      hold: fc.array(number, { maxLength: 40 }),
      subjects: fc.array(text, { maxLength: 5 }),
    })
    fc.assert(
      fc.property(any, text, (random, key) => {
        const there = { ...place, key }
        expect(openTicket(keys, sealTicket(keys, random, there), there)).toEqual(random)
      }),
    )
  })

  it('does not open elsewhere: a copied object is not charged to its source', () => {
    const text = sealTicket(keys, ticket, place)
    for (const name of ['store', 'bucket', 'key'] as const) {
      expect(openTicket(keys, text, { ...place, [name]: `${place[name]}x` })).toBeUndefined()
    }
    const [moved, joined] = [
      { ...place, store: 'ma', bucket: 'inmedia-prod' },
      { ...place, bucket: 'media', key: `-prod${place.key}` },
    ]
    expect(openTicket(keys, text, moved)).toBeUndefined()
    expect(openTicket(keys, text, joined)).toBeUndefined()
  })

  it('does not open when any one bit of it is another', () => {
    const sealed = fromBase64Url(sealTicket(keys, ticket, place)) ?? new Uint8Array()
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const forged = Uint8Array.from(sealed)
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(openTicket(keys, toBase64Url(forged), place)).toBeUndefined()
    }
  })

  it('opens with an old key as long as there is one, and is sealed with the first', () => {
    const old = sealTicket({ hashing, keys: [keyOf(1)] }, ticket, place)
    expect(openTicket(keys, old, place)).toEqual(ticket)
    expect(openTicket({ hashing, keys: [keyOf(2)] }, old, place)).toBeUndefined()
    expect(
      openTicket({ hashing, keys: [keyOf(2)] }, sealTicket(keys, ticket, place), place),
    ).toEqual(ticket)
    // The id alone does not make the key.
    const other = { id: 1, key: hashing.sha256('other') }
    expect(openTicket({ hashing, keys: [other] }, old, place)).toBeUndefined()
  })

  it('is no ticket: never throws for whatever a store hands out', () => {
    const text = sealTicket(keys, ticket, place)
    const not = [
      '',
      'A',
      '=',
      ' ',
      'ä',
      `${text} `,
      `${text}=`,
      `${text}A`,
      text.slice(1),
      text.slice(0, -1),
      'A'.repeat(5_000),
    ]
    for (const wrong of not) expect(openTicket(keys, wrong, place)).toBeUndefined()
    fc.assert(
      fc.property(
        fc.string({ maxLength: 100 }),
        (wrong) => openTicket(keys, wrong, place) === undefined,
      ),
    )
    const bytes = fc.uint8Array({ maxLength: 200 })
    fc.assert(
      fc.property(bytes, (wrong) => openTicket(keys, toBase64Url(wrong), place) === undefined),
    )
  })

  it('of the most limits, the largest amounts and the lock of an object fits and opens', () => {
    const entry = [4_294_967_295, 29_474_640, MAX_AMOUNT, 3]
    const half = Array.from({ length: MAX_LIMITS / 2 }, () => entry).flat()
    const hold = [16, ...half, 16, ...half, 1, 4_294_967_295, 0, 1, 4]
    const largest = { ...ticket, hold, subjects: [...ticket.subjects, 'oCCCCCCCCCCCCCCCC'] }
    const text = sealTicket(keys, largest, place)
    expect(text.length).toBeLessThanOrEqual(MAX_TICKET_CHARACTERS)
    expect(openTicket(keys, text, place)).toEqual(largest)
    const tooLarge = { ...largest, hold: [...hold, ...half] }
    expect(() => sealTicket(keys, tooLarge, place)).toThrow(RangeError)
  })
})
