import { describe, expect, it } from 'vitest'
import { KIND, MAX_AMOUNT } from '../../src/ledger/port.ts'
import {
  MAX_TICKET_CHARACTERS,
  openTicket,
  sealTicket,
  type Ticket,
} from '../../src/ledger/ticket.ts'
import { nodeHashing as hashing } from '../../src/runtime/node-hashing.ts'

const keyOf = (id: number) => ({ id, key: new Uint8Array(32).fill(id) })
const keys = { hashing, keys: [keyOf(1)] }
const PLACE = { store: 'main', bucket: 'media', key: 'a/b.png' }
const NOW_MS = Date.UTC(2026, 0, 15, 12)
const WINDOW = NOW_MS / 60_000
const subject = (letter: string) => letter.padEnd(17, 'A')

/** A ticket with as many limits of the largest amounts, over user, tenant and the object's lock. */
function ticketOf(limits: number, letters = 'uto'): Ticket {
  const entry = [2 ** 32 - 1, WINDOW, MAX_AMOUNT, KIND.bytes]
  const lock = [2 ** 32 - 1, 0, 1, KIND.slot]
  const empty = Array.from(letters.slice(3), () => 0)
  return {
    rid: `up_${'z'.repeat(26)}`,
    partition: 255,
    issuedMs: NOW_MS,
    expMs: NOW_MS + 9e9,
    urlExpMs: NOW_MS + 8e9,
    fingerprint: 'f'.repeat(22),
    hold: [limits, ...Array(limits).fill(entry).flat(), 0, 1, ...lock, ...empty],
    subjects: Array.from(letters, subject),
  }
}

describe('the bounds of a ticket', () => {
  it('opens at no other place, also where the names join to the same text', () => {
    const text = sealTicket(keys, ticketOf(2), PLACE)
    expect(openTicket(keys, text, { ...PLACE })).toBeDefined()
    const others = [
      { ...PLACE, store: 'other' },
      { ...PLACE, bucket: 'other' },
      { ...PLACE, key: 'a/c.png' },
      { ...PLACE, key: 'A/b.png' },
      { store: 'mainmedia', bucket: '', key: PLACE.key },
      { store: 'main', bucket: 'mediaa', key: '/b.png' },
      { store: 'mai', bucket: 'nmedia', key: PLACE.key },
    ]
    for (const place of others) expect(openTicket(keys, text, place)).toBeUndefined()
  })

  // Five subjects leave room for one limit less; the gateway has three at most.
  it.each([
    { limits: 32, letters: 'uto' },
    { limits: 31, letters: 'utokb' },
  ])(
    'carries $limits limits of the largest amounts and the lock for subjects $letters',
    ({ limits, letters }) => {
      const text = sealTicket(keys, ticketOf(limits, letters), PLACE)
      expect(text.length).toBeLessThanOrEqual(MAX_TICKET_CHARACTERS)
      expect(openTicket(keys, text, PLACE)).toEqual(ticketOf(limits, letters))
    },
  )

  it('is never sealed so that it would not open', () => {
    const refused: Ticket[] = [
      ticketOf(34),
      ticketOf(32, 'utokb'),
      { ...ticketOf(1), subjects: Array(6).fill(subject('u')) },
      { ...ticketOf(1), rid: 'x'.repeat(900) },
      { ...ticketOf(1), issuedMs: -1 },
    ]
    for (const ticket of refused) {
      expect(() => sealTicket(keys, ticket, PLACE)).toThrow(RangeError)
    }
    expect(() => sealTicket({ hashing, keys: [] }, ticketOf(1), PLACE)).toThrow(RangeError)
  })

  it.each(['rid', 'fingerprint'] as const)('seals a %s of 64 bytes, and none of 65', (member) => {
    const fits = { ...ticketOf(1), [member]: 'x'.repeat(64) }
    expect(openTicket(keys, sealTicket(keys, fits, PLACE), PLACE)).toEqual(fits)
    const long = { ...ticketOf(1), [member]: 'x'.repeat(65) }
    expect(() => sealTicket(keys, long, PLACE)).toThrow(RangeError)
  })

  it('names nobody: tenant, user and place are not inside', () => {
    const bytes = Buffer.from(sealTicket(keys, ticketOf(2), PLACE), 'base64url').toString('latin1')
    for (const name of Object.values(PLACE)) expect(bytes).not.toContain(name)
  })
})
