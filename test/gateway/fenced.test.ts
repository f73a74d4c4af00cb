import { afterEach, describe, expect, it } from 'vitest'
import type { FinishCommand } from '../../src/ledger/port.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { embeddedStore } from '../support/stores/stores-under-test.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { type GatewayOnStore, gatewayOnStore, UNTIL_RELEASED_MS } from './gateway-on-store.ts'

const AWAY = { status: 503, code: 'LedgerUnavailable' } as const
const ALLOW = { 'acme/alice': [{ operations: ['upload', 'overwrite'] }] }
const OVERWRITE = { overwrite: true, sizeBytes: 300 }

let gateway: GatewayOnStore
afterEach(() => gateway.close())

/** A gateway whose ledger answers some commands with `FENCED`, as long as `fenced` says so. */
async function open(...ops: FinishCommand['op'][]) {
  gateway = await gatewayOnStore(embeddedStore(), { allow: ALLOW })
  const { ledger } = gateway.context
  const state = { fenced: false }
  Object.assign(gateway.context, {
    ledger: {
      ...ledger,
      async finish(command: FinishCommand) {
        if (!state.fenced || !ops.includes(command.op)) return ledger.finish(command)
        return { code: 'FENCED', nowMs: gateway.clock.nowMs(), epoch: 'r:1' }
      },
    },
  })
  return state
}

/** What quotas hold; a request that was refused is spent all the same. */
const usage = async () => {
  const { 'user-requests': _, ...quotas } = await gateway.usage()
  return quotas
}
const alarms = () => gateway.log.filter((line) => line.includes('ledger.alarm'))

describe('a ledger that begins to recover between two commands', () => {
  it('503: an overwrite whose old bytes could not be noted is not signed, and holds nothing', async () => {
    const state = await open('M')
    const upload = await gateway.create()
    await gateway.put(upload, 1_000)
    await gateway.complete(upload.id)
    const before = await usage()
    state.fenced = true
    await expectRefused(await gateway.call('POST', '/v1/uploads', uploadBody(OVERWRITE)), AWAY)
    expect(await usage()).toEqual(before)
    state.fenced = false
    await gateway.create(OVERWRITE)
  })

  it('503: complete settles nothing and raises no alarm; repeated later, it does', async () => {
    const state = await open('S')
    const upload = await gateway.create()
    await gateway.put(upload, 1_000)
    state.fenced = true
    await expectRefused(await gateway.complete(upload.id), AWAY)
    expect([await gateway.status(upload.id), alarms()]).toEqual(['pending', []])
    state.fenced = false
    expect((await gateway.complete(upload.id)).status).toBe(200)
  })

  it('a release counts as failed, and the upload stays pending until one is taken', async () => {
    const state = await open('X')
    const upload = await gateway.create()
    gateway.clock.advance(UNTIL_RELEASED_MS)
    state.fenced = true
    expect(await gateway.sweepAll()).toBe(0)
    expect(await gateway.status(upload.id)).toBe('pending')
    state.fenced = false
    gateway.clock.advance(UNTIL_RELEASED_MS)
    expect(await gateway.sweepAll()).toBe(1)
    expect(await gateway.status(upload.id)).toBe('expired')
  })
})
