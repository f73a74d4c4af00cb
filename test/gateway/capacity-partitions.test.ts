import { afterEach, describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import type { TestGatewayOptions } from '../support/test-gateway.ts'
import { type GatewayOfPartitions, gatewayOfPartitions } from './gateway-of-partitions.ts'

let gateway: GatewayOfPartitions
afterEach(() => gateway.close())

const FULL = { status: 507, code: 'InsufficientStorage' } as const

async function open(capacityBytes: number, options: TestGatewayOptions = {}) {
  gateway = await gatewayOfPartitions({ store: { capacityBytes }, ...options })
}

describe('a store whose room is divided among partitions', () => {
  it('201: grants what has become free, also to one who never stopped asking', async () => {
    await open(1_000)
    const id = await gateway.granted('acme', 1_000)
    await expectRefused(await gateway.ask('globex', 100), FULL)
    await gateway.giveUp('acme', id)
    const statuses = new Set<number>()
    for (let round = 0; round < 6; round += 1) {
      await gateway.tend()
      for (let second = 0; second < 20; second += 1) {
        statuses.add((await gateway.ask('globex', 100)).status)
        gateway.clock.advance(1_000)
      }
    }
    expect(statuses).toEqual(new Set([507, 201]))
  })
})
