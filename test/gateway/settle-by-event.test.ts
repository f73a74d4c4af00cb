import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GatewayContext } from '../../src/gateway/context.ts'
import { type EventHint, settleByEvent } from '../../src/gateway/events/settle-by-event.ts'
import { stateOf } from '../support/expect-refused.ts'
import { embeddedStore, storeClient } from '../support/stores/stores-under-test.ts'
import { type GatewayForEvents, gatewayForEvents } from './gateway-for-events.ts'
import { type Created, ticketOf, UNTIL_RELEASED_MS } from './gateway-on-store.ts'

describe('settling by an event', () => {
  let gateway: GatewayForEvents
  beforeAll(async () => {
    gateway = await gatewayForEvents(embeddedStore())
  })
  afterAll(() => gateway.close())

  const create = (name: string) => gateway.create({ key: `acme/alice/${name}` })
  const hintOf = (...uploads: readonly Created[]): EventHint => ({
    bucket: gateway.storeBucket,
    keys: uploads.map(({ key }) => key),
    type: 'created',
  })
  const look = (hint: EventHint) => settleByEvent(gateway.context, 'main', hint)
  const stored = async () => (await gateway.usage())['tenant-stored']?.used ?? 0

  it('takes neither of two keys when both are pending uploads that have arrived', async () => {
    const [one, other] = [await create('a+b'), await create('a b')]
    for (const upload of [one, other]) expect(await gateway.put(upload)).toBe(200)
    expect(await look(hintOf(one, other))).toEqual({ outcome: 'ignored', reason: 'ambiguous' })
    for (const { id } of [one, other]) expect(await gateway.status(id)).toBe('pending')
    // One that has ended is none that it could mean.
    expect(await look(hintOf(one))).toEqual({ outcome: 'settled', reason: 'settled' })
    expect(await look(hintOf(one, other))).toEqual({ outcome: 'settled', reason: 'settled' })
    expect(await gateway.status(other.id)).toBe('completed')
  })

  it('takes the other key when nothing lies at the likelier one', async () => {
    const [nothing, there] = [await create('c+d'), await create('c d')]
    expect(await gateway.put(there)).toBe(200)
    expect(await look(hintOf(nothing, there))).toMatchObject({ outcome: 'settled' })
    expect(await gateway.status(there.id)).toBe('completed')
    expect(await gateway.status(nothing.id)).toBe('pending')
  })

  it('admits what comes after its release, by the ticket that it brings', async () => {
    const used = await stored()
    const upload = await create('late')
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect(await gateway.status(upload.id)).toBe('expired')
    await gateway.putDirectly(upload.key, 1_000, ticketOf(upload))
    expect(await look(hintOf(upload))).toEqual({ outcome: 'settled', reason: 'settled' })
    expect(await gateway.status(upload.id)).toBe('completed')
    expect(await stored()).toBe(used + 1_000)
  })

  it('charges what has arrived though it was aborted: it is there', async () => {
    const used = await stored()
    const upload = await create('aborted')
    expect((await gateway.call('DELETE', `/v1/uploads/${upload.id}`)).status).toBe(204)
    expect(await gateway.put(upload)).toBe(200)
    expect(await look(hintOf(upload))).toEqual({ outcome: 'settled', reason: 'settled' })
    expect(await stored()).toBe(used + 1_000)
  })

  it('leaves a body that is still coming: all of it has to be there', async () => {
    const upload = await create('beginning')
    await gateway.putDirectly(upload.key, 999, ticketOf(upload))
    expect(await look(hintOf(upload))).toEqual({ outcome: 'ignored', reason: 'absent' })
    expect(await gateway.status(upload.id)).toBe('pending')
  })

  const removalOf = (upload: Created): EventHint => ({
    ...hintOf(upload),
    type: 'removed',
    ticket: ticketOf(upload)['x-amz-meta-signet'] ?? '',
  })
  /** An upload that has arrived and is settled, and whose object nobody has any more. */
  async function gone(name: string): Promise<Created> {
    const upload = await create(name)
    expect(await gateway.put(upload)).toBe(200)
    expect(await look(hintOf(upload))).toEqual({ outcome: 'settled', reason: 'settled' })
    const url = `${gateway.store.endpoint}/${gateway.storeBucket}/${upload.key}`
    expect((await storeClient(gateway.store).fetch(url, { method: 'DELETE' })).status).toBe(204)
    return upload
  }

  it('leaves what the ledger has forgotten to an operator, arrived or gone', async () => {
    const [there, removed] = [await create('forgotten'), await gone('forgotten and gone')]
    expect(await gateway.put(there)).toBe(200)
    const { ledger } = gateway.context
    const forgetful: GatewayContext = Object.create(gateway.context, {
      ledger: { value: { ...ledger, find: async () => undefined } },
    })
    const before = stateOf(gateway).ledger
    for (const hint of [hintOf(there), removalOf(removed)]) {
      const outcome = await settleByEvent(forgetful, 'main', hint)
      expect(outcome).toEqual({ outcome: 'ignored', reason: 'unknown-upload' })
    }
    expect(stateOf(gateway).ledger).toBe(before)
  })

  it('credits a removal until the credit of an earlier one could be forgotten', async () => {
    const [one, other] = [await gone('old'), await gone('older')]
    const used = await stored()
    const { retentionHours } = gateway.context.config.ledger
    gateway.clock.advance((retentionHours - 1) * 3_600_000 - 1_000)
    expect(await look(removalOf(one))).toEqual({ outcome: 'settled', reason: 'credited' })
    gateway.clock.advance(1_000)
    expect(await look(removalOf(other))).toEqual({ outcome: 'ignored', reason: 'too-old' })
    expect(await stored()).toBe(used - 1_000)
  })

  it('credits nothing for a ticket of another place, or one that is not genuine', async () => {
    const [one, other] = [await gone('its own'), await gone('another')]
    const before = stateOf(gateway).ledger
    const { ticket } = removalOf(other)
    for (const wrong of [ticket, `${ticket},x`, 'x', '', undefined]) {
      const { ticket: _, ...hint } = removalOf(one)
      const outcome = await look({ ...hint, ...(wrong !== undefined && { ticket: wrong }) })
      expect(outcome).toEqual({ outcome: 'ignored', reason: 'no-ticket' })
    }
    expect(stateOf(gateway).ledger).toBe(before)
  })

  it('looks at nothing of a store that the event does not come from', async () => {
    const upload = await create('of main')
    expect(await gateway.put(upload)).toBe(200)
    expect(await settleByEvent(gateway.context, 'another', hintOf(upload))).toEqual({
      outcome: 'ignored',
      reason: 'foreign-bucket',
    })
  })
})
