import { request } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { realStores } from '../support/stores/stores-under-test.ts'
import type { GatewayOnStore } from './gateway-on-store.ts'
import { createParts, gatewayForParts, PARTS_OVER_MS, type Part } from './multipart-fixture.ts'

const BYTES = 6 * 2 ** 20

/** A part whose body the store has begun to take, and which ends when it is told to. */
async function beginPart({ request: grant, sizeBytes }: Part): Promise<() => Promise<number>> {
  const [begun, status] = [Promise.withResolvers<void>(), Promise.withResolvers<number>()]
  const headers = { ...grant.headers, 'content-length': sizeBytes, expect: '100-continue' }
  const put = request(grant.url, { method: 'PUT', headers }, (answer) => {
    answer.resume()
    status.resolve(answer.statusCode ?? 0)
    begun.resolve()
  })
  put.once('continue', () => put.write(Buffer.alloc(sizeBytes - 1), () => begun.resolve()))
  put.once('error', status.reject)
  put.flushHeaders()
  await begun.promise
  return () => {
    put.end(Buffer.alloc(1))
    return status.promise
  }
}

describe.each(realStores())('ends of uploads of parts on $kind', (store) => {
  let gateway: GatewayOnStore
  afterEach(() => gateway.close())
  const stored = async () => (await gateway.usage())['tenant-stored']
  const abort = async (id: string) => (await gateway.call('DELETE', `/v1/uploads/${id}`)).status

  it('204: what a part under way may still store stays reserved until no part can come', async () => {
    gateway = await gatewayForParts(store)
    const upload = await createParts(gateway, { sizeBytes: BYTES })
    const [one] = upload.multipart.parts
    if (one === undefined) throw new Error('no part')
    const endPart = await beginPart(one)
    expect(await abort(upload.id)).toBe(204)
    const taken = (await endPart()) === 200
    expect(taken).toBe(store.kind === 'swift')
    const pending = taken ? BYTES : 0
    expect(await stored()).toEqual({ used: 0, pending })
    gateway.clock.advance(PARTS_OVER_MS - 7_000)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: 0, pending })
    gateway.clock.advance(7_000)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: 0, pending: 0 })
    expect(await gateway.status(upload.id)).toBe('aborted')
  })
})
