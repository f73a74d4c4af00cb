import { afterAll, beforeAll, expect, it } from 'vitest'
import { openState } from '../../src/runtime/open-state.ts'
import type { StateStore } from '../../src/state/port.ts'
import { load } from '../config/config-fixture.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { openReplication, type Replication } from '../support/redis/replication.ts'
import { until } from '../support/until.ts'

const DOCUMENT = 'directory/key/ak_1'

describeOnRedis('documents of several gateways before a replica that does not answer', () => {
  let replication: Replication
  beforeAll(async () => {
    replication = await openReplication({ proxied: true })
  })
  afterAll(() => replication.close())

  async function opened(ledger: object): Promise<StateStore> {
    const state = `redis://127.0.0.1:${replication.master.port}`
    const { config } = await load({ state, ledger })
    return await openState(config)
  }

  it('503: strict, no change is told as made before the replica has it, and others go on', async () => {
    await using closing = new AsyncDisposableStack()
    const strict = await opened({ durability: 'strict', replicas: 1 })
    closing.defer(() => strict.close())
    const disk = await opened({ durability: 'disk' })
    closing.defer(() => disk.close())
    const [link] = replication.links
    expect(await strict.put({ name: DOCUMENT, value: 'made' })).toBe(1)
    await link?.setMode('hold')
    const away = { code: 'LedgerUnavailable' }
    await expect(strict.put({ name: DOCUMENT, value: 'revoked' })).rejects.toMatchObject(away)
    await expect(strict.remove(DOCUMENT)).rejects.toMatchObject(away)
    await expect(strict.confirm()).rejects.toMatchObject(away)
    expect(await strict.get(DOCUMENT)).toBe(undefined)
    expect(await disk.put({ name: DOCUMENT, value: 'made again' })).toBe(1)
    await link?.setMode('pass')
    await until('changes are made again', () =>
      strict.put({ name: DOCUMENT, value: 'revoked' }).then(
        () => true,
        () => false,
      ),
    )
    await strict.confirm()
    const [replica] = replication.replicas
    const field = await replica?.command('HGET', 'd:{021}:directory', DOCUMENT)
    expect(field).toMatch(/^\d+:revoked$/)
  })
})
