import { afterEach, describe, expect, it } from 'vitest'
import { realStores } from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import { type GatewayOnStore, gatewayOnStore } from './gateway-on-store.ts'

const KEY = 'acme/alice/cat.jpg'
const LIFETIME = 600
const WINDOW = 300

let gateway: GatewayOnStore
afterEach(() => gateway.close())

async function signed(): Promise<{ url: string; expiresAtMs: number }> {
  const wanted = { bucket: 'media', key: KEY, expiresInSeconds: LIFETIME, stableForSeconds: WINDOW }
  const answer = await gateway.call('POST', '/v1/downloads', wanted)
  const { request, expiresAt } = await answer.json()
  return { url: request.url, expiresAtMs: Date.parse(expiresAt) }
}

describe.each(realStores())('a stable download from $kind', (store) => {
  it('200, 206, 304: the same URL answers again, in parts, and not at all to whom has it', async () => {
    gateway = await gatewayOnStore(store)
    await gateway.putDirectly(KEY, 100)
    const { url } = await signed()
    expect((await signed()).url).toBe(url)
    const first = await fetch(url)
    const etag = first.headers.get('etag') ?? ''
    expect([first.status, (await first.bytes()).length]).toEqual([200, 100])
    const part = await fetch(url, { headers: { range: 'bytes=90-' } })
    expect([part.status, (await part.bytes()).length]).toEqual([206, 10])
    const again = await fetch(url, { headers: { 'if-none-match': etag } })
    expect([again.status, (await again.bytes()).length]).toEqual([304, 0])
    const other = await fetch(url, { headers: { 'if-none-match': '"other"' } })
    expect(other.status).toBe(200)
  })

  it('200 until its end, 403 after it: a window does not put the end off', async () => {
    const nowMs = Date.now()
    for (const [agoSeconds, status] of [
      [LIFETIME - WINDOW - 30, 200],
      [LIFETIME + 1, 403],
    ] as const) {
      const clock = new TestClock(nowMs - agoSeconds * 1000)
      gateway = await gatewayOnStore(store, { clock })
      await gateway.putDirectly(KEY, 100)
      const { url, expiresAtMs } = await signed()
      expect(expiresAtMs - clock.nowMs()).toBeLessThanOrEqual(LIFETIME * 1000)
      expect(expiresAtMs > nowMs).toBe(status === 200)
      const answer = await fetch(url)
      expect([agoSeconds, answer.status]).toEqual([agoSeconds, status])
      if (status === 200) await gateway.close()
    }
  })
})
