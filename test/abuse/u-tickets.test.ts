import { afterEach, describe, expect, it } from 'vitest'
import { openTicket, sealTicket, type Ticket, type TicketPlace } from '../../src/ledger/ticket.ts'
import {
  type Created,
  type GatewayOnStore,
  gatewayOnStore,
  ticketOf,
  UNTIL_RELEASED_MS,
} from '../gateway/gateway-on-store.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { sendPut } from '../support/send-put.ts'
import { realStores } from '../support/stores/stores-under-test.ts'

const HEADER = 'x-amz-meta-signet'
const SIZE = 1_000
const INCOMPLETE = { status: 409, code: 'UploadIncomplete' } as const

let gateway: GatewayOnStore
afterEach(() => gateway.close())

const placeOf = ({ key }: Created): TicketPlace => ({
  store: 'main',
  bucket: gateway.storeBucket,
  key,
})

function sealed(ticket: Ticket, place: TicketPlace, keys = gateway.context.ticketKeys): string {
  return sealTicket({ hashing: gateway.context.hashing, keys }, ticket, place)
}

function opened(upload: Created): Ticket {
  const { hashing, ticketKeys: keys } = gateway.context
  const ticket = openTicket({ hashing, keys }, ticketOf(upload)[HEADER] ?? '', placeOf(upload))
  if (ticket === undefined) throw new Error('the grant has no ticket')
  return ticket
}

const alarms = async () => {
  const metrics = (await gateway.context.readMetrics?.()) ?? ''
  return Number(/^signet_alarm_tickets_total\{[^}]*\} (\d+)/m.exec(metrics)?.[1] ?? 0)
}

const stored = async () => (await gateway.usage())['tenant-stored']

/** Tickets that are not the upload's own, made from its own, which a holder of the URL can read. */
const FALSE_TICKETS: readonly (readonly [what: string, make: (upload: Created) => string])[] = [
  ['forged', () => 'A'.repeat(200)],
  ['no base64url at all', () => 'st1.!/+='],
  ['cut', (upload) => (ticketOf(upload)[HEADER] ?? '').slice(0, -2)],
  [
    'altered in one bit of its text',
    (upload) => {
      const text = ticketOf(upload)[HEADER] ?? ''
      const at = 20
      return `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`
    },
  ],
  [
    'sealed by another gateway',
    (upload) =>
      sealed(opened(upload), placeOf(upload), [{ id: 1, key: new Uint8Array(32).fill(7) }]),
  ],
  [
    'sealed for another bucket',
    (upload) => sealed(opened(upload), { ...placeOf(upload), bucket: 'another' }),
  ],
  [
    'sealed for another store',
    (upload) => sealed(opened(upload), { ...placeOf(upload), store: 'another' }),
  ],
  [
    'sealed for another key',
    (upload) => sealed(opened(upload), { ...placeOf(upload), key: `${upload.key}x` }),
  ],
]

describe.each(realStores())('on $kind', (store) => {
  it.each(FALSE_TICKETS)(
    'U13 409: a ticket that is %s; alarm, nothing credited',
    async (_, make) => {
      gateway = await gatewayOnStore(store)
      const upload = await gateway.create()
      await gateway.putDirectly(upload.key, SIZE, { [HEADER]: make(upload) })
      await expectRefused(await gateway.complete(upload.id), INCOMPLETE, { gateway })
      expect(await stored()).toEqual({ used: 0, pending: SIZE })
      expect(await alarms()).toBe(1)
      expect(gateway.log.filter((line) => line.includes('"ticket.refused"'))).toHaveLength(1)
      // Deleting it gives nothing back either, and the reservation ends as if nothing had come.
      const path = `/v1/objects/media/${upload.key}`
      expect((await gateway.call('DELETE', path)).status).toBe(204)
      expect(await stored()).toEqual({ used: 0, pending: SIZE })
      gateway.clock.advance(UNTIL_RELEASED_MS)
      await gateway.sweepAll()
      expect(await stored()).toEqual({ used: 0, pending: 0 })
    },
  )

  it('U13: a ticket copied to another key completes nothing and is credited to nobody', async () => {
    gateway = await gatewayOnStore(store)
    const first = await gateway.create({ key: 'acme/alice/first' })
    await gateway.put(first)
    expect((await gateway.complete(first.id)).status).toBe(200)
    const second = await gateway.create({ key: 'acme/alice/second' })
    await gateway.putDirectly(second.key, SIZE, ticketOf(first))
    await expectRefused(await gateway.complete(second.id), INCOMPLETE, { gateway })
    expect(await stored()).toEqual({ used: SIZE, pending: SIZE })
    expect(await alarms()).toBe(1)
    // Copies to delete again and again would else be a purse that never empties.
    for (const copy of ['acme/alice/copy-1', 'acme/alice/copy-2', second.key]) {
      await gateway.putDirectly(copy, SIZE, ticketOf(first))
      expect((await gateway.call('DELETE', `/v1/objects/media/${copy}`)).status).toBe(204)
      gateway.clock.advance(UNTIL_RELEASED_MS)
      await gateway.sweepAll()
    }
    expect(await stored()).toEqual({ used: SIZE, pending: 0 })
  })

  it("U13: another reservation's genuine ticket at the same key counts for that one alone", async () => {
    gateway = await gatewayOnStore(store)
    const first = await gateway.create()
    const second = await gateway.create({ sizeBytes: 2 * SIZE })
    expect(second.key).toBe(first.key)
    await gateway.putDirectly(first.key, SIZE, ticketOf(first))
    await expectRefused(await gateway.complete(second.id), INCOMPLETE, { gateway })
    expect((await gateway.complete(first.id)).status).toBe(200)
    expect(await stored()).toEqual({ used: SIZE, pending: 2 * SIZE })
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: SIZE, pending: 0 })
    expect([await gateway.status(first.id), await gateway.status(second.id)]).toEqual([
      'completed',
      'expired',
    ])
  })

  // Ceph and Swift take some of these for metadata of that name, and join them to the signed ticket.
  it.each([
    'x-object-meta-',
    'x-goog-meta-',
    'x-account-meta-',
    'x-container-meta-',
    'x_amz_meta_',
  ])(
    'U13: whatever is sent beside the signed ticket as %ssignet, what was stored is charged',
    async (prefix) => {
      gateway = await gatewayOnStore(store)
      const upload = await gateway.create()
      const headers = { [`${prefix}signet`]: 'junk,AAAA' }
      const grant = { url: '', headers: {}, ...upload.request }
      const status = await sendPut(grant, { body: new Uint8Array(SIZE), headers })
      expect([200, 403]).toContain(status)
      const isThere = (await gateway.sizeAtStore(upload.key)) !== undefined
      expect(isThere).toBe(status === 200)
      gateway.clock.advance(UNTIL_RELEASED_MS)
      await gateway.sweepAll()
      expect(await stored()).toEqual({ used: isThere ? SIZE : 0, pending: 0 })
      expect((await gateway.call('DELETE', `/v1/objects/media/${upload.key}`)).status).toBe(204)
      expect(await stored()).toEqual({ used: 0, pending: 0 })
    },
  )

  it('U13: no ticket at all is no alarm and no upload', async () => {
    gateway = await gatewayOnStore(store)
    const upload = await gateway.create()
    await gateway.putDirectly(upload.key, SIZE)
    await expectRefused(await gateway.complete(upload.id), INCOMPLETE, { gateway })
    expect(await alarms()).toBe(0)
  })
})

// Swift keeps no value above 256 characters, so there are never two of them in one.
describe.each(realStores().filter(({ kind }) => kind !== 'swift'))(
  'two tickets on $kind',
  (store) => {
    it.each([
      ['first', [1, 0]],
      ['last', [0, 1]],
    ] as const)(
      'U13: an old genuine ticket beside the signed one hides nothing, the signed one %s',
      async (_, order) => {
        gateway = await gatewayOnStore(store)
        const old = await gateway.create()
        gateway.clock.advance(1)
        const upload = await gateway.create({ sizeBytes: 2 * SIZE })
        const tickets = [ticketOf(old)[HEADER] ?? '', ticketOf(upload)[HEADER] ?? '']
        const both = order.map((index) => tickets[index]).join(',')
        await gateway.putDirectly(upload.key, 2 * SIZE, { [HEADER]: both })
        expect((await gateway.complete(upload.id)).status).toBe(200)
        gateway.clock.advance(UNTIL_RELEASED_MS)
        await gateway.sweepAll()
        expect(await stored()).toEqual({ used: 2 * SIZE, pending: 0 })
        expect(await gateway.status(old.id)).toBe('expired')
      },
    )
  },
)
