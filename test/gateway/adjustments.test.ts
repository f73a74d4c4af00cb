import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import { sweep } from '../../src/gateway/sweep.ts'
import { newMemoryState, openMemoryLedger } from '../../src/ledger/memory.ts'
import type { Ledger } from '../../src/ledger/port.ts'
import { postAdmin } from '../support/admin-call.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

const PLAN = {
  rates: [],
  quotas: [
    { policy: 'user-stored', per: 'user', unit: 'stored-bytes', limit: 5_000 },
    { policy: 'tenant-stored', per: 'tenant', unit: 'stored-bytes', limit: 10_000 },
    { policy: 'tenant-objects', per: 'tenant', unit: 'stored-objects', limit: 10 },
    { policy: 'user-bytes-day', per: 'user', unit: 'bytes', limit: 2 ** 40, window: 'day' },
    { policy: 'user-pending', per: 'user', unit: 'pending-uploads', limit: 10 },
  ],
}
const CREDIT = {
  id: 'ticket-4711',
  tenant: 'acme',
  user: 'alice',
  policy: 'user-stored',
  delta: 400,
  reason: 'moved in from the old store',
}
const { user: _, ...OF_TENANT } = { ...CREDIT, policy: 'tenant-stored' }

describe('adjustments', () => {
  let gateway: TestGateway
  let ledger: Ledger
  let clock: TestClock
  const state = newMemoryState()
  beforeEach(async () => {
    for (const part of Object.values(state)) part.clear()
    clock = new TestClock()
    ledger = openMemoryLedger({ clock, state })
    gateway = await openTestGateway({ plan: PLAN, clock, overrides: { ledger } })
  })
  afterEach(() => gateway.close())

  const adjust = (body: unknown) => postAdmin(gateway, '/admin/v1/adjustments', body)
  async function used(policy: string, who?: string): Promise<number | undefined> {
    const answer = await gateway.call('GET', '/v1/usage', undefined, who ? { who } : {})
    const { limits } = (await answer.json()) as { limits: { policy: string; used: number }[] }
    return limits.find((each) => each.policy === policy)?.used
  }

  it('201: a stored total counts more, and the record says who asked for what and why', async () => {
    const answer = await adjust(CREDIT)
    expect(answer.status).toBe(201)
    expect(await answer.json()).toEqual({ ...CREDIT, unit: 'stored-bytes' })
    expect(await used('user-stored')).toBe(400)
    expect(await used('user-stored', 'acme/bob')).toBe(0)
    expect(await used('tenant-stored')).toBe(0)
    const said = {
      tenant: 'acme',
      user: 'alice',
      policies: ['user-stored'],
      adjustmentId: 'ticket-4711',
      delta: 400,
      reason: CREDIT.reason,
      requestId: expect.any(String),
    }
    expect(gateway.audited).toMatchObject([
      { event: 'usage.adjustment_requested', ...said },
      { event: 'usage.adjusted', ...said },
    ])
  })

  it('201: a limit of the tenant needs no user, and objects are counted apart from bytes', async () => {
    expect((await adjust(OF_TENANT)).status).toBe(201)
    const objects = { ...OF_TENANT, id: 'two', policy: 'tenant-objects', delta: 3 }
    expect(await (await adjust(objects)).json()).toMatchObject({ unit: 'stored-objects' })
    expect(await used('tenant-stored', 'acme/bob')).toBe(400)
    expect(await used('tenant-objects')).toBe(3)
  })

  it('403: what was added takes the room of uploads, and giving it back frees it', async () => {
    await adjust({ ...CREDIT, delta: 4_500 })
    const refused = await gateway.call('POST', '/v1/uploads', uploadBody())
    await expectRefused(refused, { status: 403, code: 'QuotaExceeded' }, { gateway })
    expect((await adjust({ ...CREDIT, id: 'back', delta: -4_500 })).status).toBe(201)
    expect((await gateway.call('POST', '/v1/uploads', uploadBody())).status).toBe(201)
  })

  it('200: the same one again counts once, however often and how many at once', async () => {
    const at = await Promise.all(Array.from({ length: 8 }, () => adjust(CREDIT)))
    expect(at.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 200, 200, 200, 201])
    const again = await adjust(CREDIT)
    expect(again.status).toBe(200)
    expect(await again.json()).toEqual({ ...CREDIT, unit: 'stored-bytes' })
    expect(await used('user-stored')).toBe(400)
  })

  it.each([
    ['delta', { delta: 401 }],
    ['policy', { policy: 'tenant-stored', user: undefined }],
    ['user', { user: 'bob' }],
    ['reason', { reason: 'another' }],
  ])('422: the same id with another %s changes nothing', async (_, change) => {
    await adjust(CREDIT)
    const answer = await adjust({ ...CREDIT, ...change })
    await expectRefused(answer, { status: 422, code: 'IdempotencyMismatch' }, { gateway })
    expect([await used('user-stored'), await used('tenant-stored')]).toEqual([400, 0])
  })

  it('400: a debit below zero changes nothing, leaves nothing pending, and stays refused', async () => {
    await adjust(CREDIT)
    const debit = { ...CREDIT, id: 'too-much', delta: -401 }
    const first = await adjust(debit)
    await expectRefused(first, { status: 400, code: 'InvalidRequest' }, { gateway })
    const said = await (await adjust(debit)).json()
    expect(said).toMatchObject({
      code: 'InvalidRequest',
      fields: [{ path: 'delta', message: expect.stringContaining('below zero') }],
    })
    expect(await used('user-stored')).toBe(400)
    expect(await ledger.audit({ partition: 0, repair: false })).toMatchObject({
      counts: { pending: 0 },
      drifts: [],
      index: [],
    })
    const ofDebit = gateway.audited.filter(({ adjustmentId }) => adjustmentId === 'too-much')
    expect(ofDebit.map(({ event }) => event)).toEqual([
      'usage.adjustment_requested',
      'usage.adjustment_refused',
    ])
    expect((await adjust({ ...debit, id: 'all', delta: -400 })).status).toBe(201)
    expect(await used('user-stored')).toBe(0)
  })

  it('400: credits that no counter can hold change nothing, and the tenant stays readable', async () => {
    const most = { ...OF_TENANT, delta: 2 ** 50 }
    const statuses: number[] = []
    for (let n = 0; n < 9; n += 1) statuses.push((await adjust({ ...most, id: `n${n}` })).status)
    expect(statuses).toEqual([201, 201, 201, 201, 400, 400, 400, 400, 400])
    expect(await (await adjust({ ...most, id: 'n8' })).json()).toMatchObject({
      fields: [{ path: 'delta', message: expect.stringContaining(`above ${2 ** 52}`) }],
    })
    expect(await used('tenant-stored')).toBe(2 ** 52)
    expect((await adjust({ ...most, id: 'back', delta: -(2 ** 50) })).status).toBe(201)
    expect(await used('tenant-stored')).toBe(2 ** 52 - 2 ** 50)
  })

  it.each([
    [{ tenant: 'nobody' }, 'tenant', 'not configured'],
    [{ user: 'nobody' }, 'user', 'not configured'],
    [{ policy: 'nothing' }, 'policy', 'no quota'],
    [{ policy: 'user-bytes-day' }, 'policy', 'only stored totals'],
    [{ policy: 'user-pending' }, 'policy', 'only stored totals'],
    [{ user: undefined }, 'user', 'counted per user'],
    [{ policy: 'tenant-stored' }, 'user', 'counted per tenant'],
    [{ delta: 0 }, 'delta', 'must not be 0'],
    [{ delta: 0.5 }, 'delta', ''],
    [{ delta: 2 ** 50 + 1 }, 'delta', ''],
    [{ delta: -(2 ** 50) - 1 }, 'delta', ''],
    [{ id: '' }, 'id', '1 to 255'],
    [{ id: 'a b' }, 'id', '1 to 255'],
    [{ id: 'a'.repeat(256) }, 'id', '1 to 255'],
    [{ reason: '' }, 'reason', '1 to 500'],
    [{ reason: 'a\nb' }, 'reason', '1 to 500'],
    [{ reason: 'a'.repeat(501) }, 'reason', '1 to 500'],
    [{ surprise: 1 }, 'surprise', 'not a known member'],
  ])('400: %j', async (change, path, message) => {
    const answer = await adjust({ ...CREDIT, ...change })
    expect(answer.status).toBe(400)
    const { fields } = (await answer.json()) as { fields: { path: string; message: string }[] }
    expect(fields).toMatchObject([{ path, message: expect.stringContaining(message) }])
    expect(state.records.size).toBe(0)
  })

  it('201: takes the longest of everything that it allows', async () => {
    const longest = { ...CREDIT, id: '"'.repeat(255), reason: '€'.repeat(500), delta: 2 ** 50 }
    expect((await adjust(longest)).status).toBe(201)
  })

  it('503: not posted when it cannot be recorded; the sweeper posts it once it can, once', async () => {
    const { append } = gateway.context.audit
    gateway.context.audit.append = () =>
      Promise.reject(new GatewayError('Overloaded', 'Cannot record the event: the disk is full'))
    expect((await adjust(CREDIT)).status).toBe(503)
    expect(await used('user-stored')).toBe(0)
    clock.advance(61_000)
    await sweep(gateway.context)
    expect(await used('user-stored')).toBe(0)
    gateway.context.audit.append = append
    clock.advance(601_000)
    expect(await sweep(gateway.context)).toMatchObject({ claimed: 1, ended: 1, failed: 0 })
    expect(await used('user-stored')).toBe(400)
    expect((await adjust(CREDIT)).status).toBe(200)
    expect(await used('user-stored')).toBe(400)
    expect(gateway.audited.map(({ event }) => event)).toEqual([
      'usage.adjustment_requested',
      'usage.adjusted',
    ])
  })

  it.each(['A', 'S'])('503: while the ledger recovers, at %s; later once', async (op) => {
    const { finish } = ledger
    Object.assign(ledger, {
      finish: async (command: Parameters<Ledger['finish']>[0]) =>
        command.op === op ? { code: 'FENCED', nowMs: 0, epoch: '' } : finish(command),
    })
    await expectRefused(await adjust(CREDIT), { status: 503, code: 'LedgerUnavailable' })
    Object.assign(ledger, { finish })
    expect((await adjust(CREDIT)).status).toBe(201)
    expect(await used('user-stored')).toBe(400)
    expect(gateway.log.join()).not.toContain('ledger.alarm')
  })

  it('a crash before it is posted: the sweeper, or the same call again, finishes it once', async () => {
    for (const finisher of ['sweeper', 'caller']) {
      const wanted = { ...CREDIT, id: finisher }
      const before = (await used('user-stored')) ?? 0
      const { finish } = ledger
      Object.assign(ledger, {
        finish: (command: Parameters<Ledger['finish']>[0]) =>
          command.op === 'S' ? Promise.reject(new Error('killed')) : finish(command),
      })
      expect((await adjust(wanted)).status).toBe(500)
      Object.assign(ledger, { finish })
      expect(await used('user-stored')).toBe(before)
      if (finisher === 'sweeper') {
        clock.advance(61_000)
        expect(await sweep(gateway.context)).toMatchObject({ ended: 1 })
      } else expect((await adjust(wanted)).status).toBe(201)
      expect(await used('user-stored')).toBe(before + 400)
      clock.advance(61_000)
      expect(await sweep(gateway.context)).toMatchObject({ claimed: 0 })
      expect((await adjust(wanted)).status).toBe(200)
      expect(await used('user-stored')).toBe(before + 400)
    }
  })

  it('a crash before a debit below zero was taken back: the sweeper takes it back', async () => {
    const { finish } = ledger
    Object.assign(ledger, {
      finish: (command: Parameters<Ledger['finish']>[0]) =>
        command.op === 'V' ? Promise.reject(new Error('killed')) : finish(command),
    })
    const debit = { ...CREDIT, delta: -1 }
    expect((await adjust(debit)).status).toBe(500)
    Object.assign(ledger, { finish })
    clock.advance(61_000)
    expect(await sweep(gateway.context)).toMatchObject({ ended: 1, failed: 0 })
    expect(await used('user-stored')).toBe(0)
    expect((await adjust(debit)).status).toBe(400)
  })
})
