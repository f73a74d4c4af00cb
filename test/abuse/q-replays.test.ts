import { afterEach, describe, expect, it } from 'vitest'
import {
  type GatewayOnStore,
  GRANT_MS,
  gatewayOnStore,
  UNTIL_RELEASED_MS,
} from '../gateway/gateway-on-store.ts'
import { embeddedStore } from '../support/stores/stores-under-test.ts'
import { uploadBody } from '../support/test-gateway.ts'

let gateway: GatewayOnStore
afterEach(() => gateway.close())

/** Until everything that can still end has ended: two looks, each a whole life later. */
async function untilAtRest(): Promise<void> {
  for (const _ of [1, 2]) {
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
  }
}

describe('a replay', () => {
  it('Q10 while pending: the same id and object, and a grant that ends no later', async () => {
    gateway = await gatewayOnStore(embeddedStore(), {
      bucket: { keys: { template: '{tenant}/{user}/{uuid}-{filename}' } },
    })
    const body = { key: undefined, filename: 'a.jpg' }
    const key = { 'idempotency-key': 'k' }
    const first = await gateway.create(body, key)
    gateway.clock.advance(100_000)
    const replayed = await gateway.create(body, key)
    expect([replayed.id, replayed.key]).toEqual([first.id, first.key])
    expect(Date.parse(replayed.expiresAt)).toBe(Date.parse(first.expiresAt))
    const url = new URL(replayed.request?.url ?? '')
    const lifetimeMs = Number(url.searchParams.get('X-Amz-Expires')) * 1_000
    const signedAt = url.searchParams.get('X-Amz-Date') ?? ''
    const signedAtMs = Date.parse(
      signedAt.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'),
    )
    expect(signedAtMs + lifetimeMs).toBeLessThanOrEqual(Date.parse(first.expiresAt))
    expect((await gateway.usage())['tenant-stored']?.pending).toBe(1_000)
  })

  it('Q10 after it was completed, aborted or has expired: the same id and no grant', async () => {
    gateway = await gatewayOnStore(embeddedStore())
    const ends = {
      completed: async (id: string) => void (await gateway.complete(id)),
      aborted: async (id: string) => void (await gateway.call('DELETE', `/v1/uploads/${id}`)),
      expired: untilAtRest,
    }
    for (const [status, end] of Object.entries(ends)) {
      const body = { key: `acme/alice/${status}` }
      const key = { 'idempotency-key': status }
      const upload = await gateway.create(body, key)
      if (status === 'completed') await gateway.put(upload)
      await end(upload.id)
      const again = await gateway.call('POST', '/v1/uploads', uploadBody(body), { headers: key })
      const text = await again.text()
      expect([status, again.status]).toEqual([status, 200])
      expect(JSON.parse(text)).toMatchObject({ id: upload.id, status })
      expect(text).not.toContain('X-Amz')
    }
    // Also without an end: nothing is signed any more once the first grant is over.
    const key = { 'idempotency-key': 'late' }
    const late = await gateway.create({ key: 'acme/alice/late' }, key)
    gateway.clock.advance(GRANT_MS)
    const body = uploadBody({ key: 'acme/alice/late' })
    const again = await gateway.call('POST', '/v1/uploads', body, { headers: key })
    expect([again.status, (await again.json()).id]).toEqual([200, late.id])
  })
})
