import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import { auditLedger } from '../../src/gateway/audit-ledger.ts'
import { startAuditor } from '../../src/gateway/start-auditor.ts'
import { type MemoryState, newMemoryState, openMemoryLedger } from '../../src/ledger/memory.ts'
import { postAdmin } from '../support/admin-call.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { eventsIn } from '../support/log-lines.ts'
import { TestClock } from '../support/test-clock.ts'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

describe('the audit of a ledger', () => {
  let gateway: TestGateway
  let state: MemoryState
  let clock: TestClock
  beforeEach(async () => {
    state = newMemoryState()
    clock = new TestClock()
    gateway = await openTestGateway({
      clock,
      overrides: { ledger: openMemoryLedger({ clock, state }) },
    })
  })
  afterEach(() => gateway.close())

  const audit = async (body: unknown = {}) => {
    const answer = await postAdmin(gateway, '/admin/v1/ledger/audit', body)
    expect(answer.status).toBe(200)
    return answer.json()
  }
  async function upload(key: string): Promise<string> {
    const answer = await gateway.call(
      'POST',
      '/v1/uploads',
      uploadBody({ key: `acme/alice/${key}` }),
    )
    expect(answer.status).toBe(201)
    return ((await answer.json()) as { id: string }).id
  }
  /** One more pending upload than is held, for alice. */
  function bend(): () => void {
    const found = [...state.subjects].find(([id]) => id.startsWith('u'))
    if (found === undefined) throw new Error('Cannot bend: there is no user')
    const [id, before] = found
    state.subjects.set(id, before.with(-1, (before.at(-1) ?? 0) + 1))
    return () => state.subjects.set(id, before)
  }
  const alarms = () => eventsIn(gateway.log, 'ledger.alarm')

  it('200: nothing is wrong with a ledger that was only used', async () => {
    await upload('a')
    await upload('b')
    const report = await audit({ repair: true })
    expect(report).toMatchObject({
      clean: true,
      counts: { partitions: 1, pending: 2, condemned: 0, subjects: 2 },
      found: { drifts: 0, index: 0, negative: 0, unreadable: 0 },
    })
    expect(report).not.toHaveProperty('stored')
    expect(alarms()).toEqual([])
  })

  it('200: names what is wrong in the words of the configuration, and alarms once', async () => {
    const id = await upload('a')
    bend()
    state.due.delete(id)
    const report = await audit()
    expect(report).toMatchObject({
      clean: false,
      found: { drifts: 1, index: 1 },
      drifts: [
        {
          partition: 0,
          tenant: 'acme',
          user: 'alice',
          policy: 'user-pending',
          window: 0,
          pending: 2,
          held: 1,
          repaired: false,
        },
      ],
      index: [{ partition: 0, rid: id, what: 'missing', repaired: false }],
    })
    expect(alarms()).toMatchObject([
      { op: 'audit', code: 'DRIFT', partition: 0, found: 1 },
      { op: 'audit', code: 'INDEX', partition: 0, found: 1 },
    ])
    const metrics = await (await gateway.admin.request('/metrics')).text()
    expect(metrics).toMatch(/signet_alarm_ledger_total\{[^}]*op="audit"[^}]*code="DRIFT"[^}]*\} 1/)
  })

  it('200: repairs on demand, says so, and is clean from then on', async () => {
    const id = await upload('a')
    bend()
    state.due.delete(id)
    expect(await audit({ repair: true })).toMatchObject({
      clean: true,
      drifts: [{ repaired: true }],
      index: [{ repaired: true }],
    })
    expect(await audit()).toMatchObject({ clean: true, found: { drifts: 0, index: 0 } })
    // What was asked for is no alarm, but leaves a trace.
    expect(alarms()).toEqual([])
    expect(gateway.audited.filter(({ event }) => event === 'ledger.repaired')).toEqual([
      {
        event: 'ledger.repaired',
        at: expect.any(String),
        requestId: expect.any(String),
        admin: 'token',
        repaired: { counters: 1, index: 1 },
      },
    ])
  })

  it.each(['draining', 'aborted'])('503: ends between two partitions when %s', async (why) => {
    const { ledger, lifecycle } = gateway.context
    const working = ledger.audit
    const leaving = new AbortController()
    let looked = 0
    Object.assign(ledger, {
      partitions: 8,
      audit(request: Parameters<typeof working>[0]) {
        looked += 1
        if (looked === 3 && why === 'aborted') leaving.abort()
        if (looked === 3 && why === 'draining') lifecycle.state = 'draining'
        return working(request)
      },
    })
    const answer = await gateway.admin.request('/admin/v1/ledger/audit', {
      method: 'POST',
      headers: { authorization: `Bearer ${TEST_ADMIN_TOKEN}` },
      signal: leaving.signal,
    })
    await expectRefused(answer, { status: 503, code: 'Overloaded' }, { gateway })
    expect(looked).toBe(3)
  })

  it('an operator’s audit asks for fresh names once, and the background does not', async () => {
    const { ledger } = gateway.context
    const working = ledger.audit
    const asked: unknown[] = []
    Object.assign(ledger, {
      partitions: 3,
      audit(request: Parameters<typeof working>[0]) {
        asked.push(request.fresh)
        return working(request)
      },
    })
    await audit()
    expect(asked).toEqual([true, undefined, undefined])
    const stop = startAuditor(gateway.context, { roundMs: 1, minPauseMs: 1, secondLookMs: 1 })
    await expect.poll(() => asked.length).toBeGreaterThan(5)
    await stop()
    expect(asked.slice(3)).not.toContain(true)
  })

  it('503: a comparison with the stores beside another one, which goes on', async () => {
    const { storeClient } = gateway.context
    const listing = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    Object.assign(storeClient, {
      async list() {
        asked.resolve()
        await listing.promise
        return { objects: [] }
      },
    })
    const first = audit({ stored: true })
    await asked.promise
    const second = await postAdmin(gateway, '/admin/v1/ledger/audit', { stored: true })
    await expectRefused(second, { status: 503, code: 'Overloaded' }, { gateway })
    expect(await audit()).toMatchObject({ clean: true })
    listing.resolve()
    expect(await first).toMatchObject({ clean: true, found: { stored: 0 } })
    expect(await audit({ stored: true })).toMatchObject({ clean: true })
  })

  it('503: a comparison with the stores ends between two pages when the gateway drains', async () => {
    const { storeClient, lifecycle } = gateway.context
    let pages = 0
    Object.assign(storeClient, {
      async list() {
        pages += 1
        if (pages === 3) lifecycle.state = 'draining'
        return { objects: [], next: `page ${pages}` }
      },
    })
    const answer = await postAdmin(gateway, '/admin/v1/ledger/audit', { stored: true })
    await expectRefused(answer, { status: 503, code: 'Overloaded' }, { gateway })
    expect(pages).toBe(3)
  })

  it('200: what cannot be read or is below zero stays unclean after a repair', async () => {
    await upload('a')
    const [user = ''] = [...state.subjects.keys()]
    state.subjects.set(user, [7])
    const report = await audit({ repair: true })
    expect(report).toMatchObject({ clean: false, unreadable: [{ name: `subject ${user}` }] })
  })

  it('no alarm for what only one of two looks shows', async () => {
    await upload('a')
    const mend = bend()
    const pause = async () => void mend()
    const { partitions } = await auditLedger(gateway.context, { pause })
    expect(partitions).toMatchObject([{ drifts: [] }])
    expect(alarms()).toEqual([])
    // Another reservation, dropped from the index between the looks: only the second one shows it.
    state.due.delete(await upload('b'))
    const third = await upload('c')
    const later = await auditLedger(gateway.context, {
      pause: async () => {
        state.due.delete(third)
        bend()
      },
    })
    expect(later.partitions).toMatchObject([{ drifts: [], index: [{ what: 'missing' }] }])
    expect(later.partitions[0]?.index.map(({ rid }) => rid)).not.toContain(third)
  })

  it('an alarm although the counter moved on between the two looks', async () => {
    await upload('a')
    bend()
    const pause = async () => void (await upload('b'))
    const { partitions } = await auditLedger(gateway.context, { pause })
    expect(partitions).toMatchObject([{ drifts: [{ pending: 3, held: 2 }] }])
    expect(alarms()).toHaveLength(1)
  })

  it('503 without an answer of the ledger', async () => {
    const away = new GatewayError('LedgerUnavailable', 'Cannot audit: the ledger is away')
    Object.assign(gateway.context.ledger, { audit: () => Promise.reject(away) })
    const answer = await postAdmin(gateway, '/admin/v1/ledger/audit', {})
    await expectRefused(answer, { status: 503, code: 'LedgerUnavailable' }, { gateway })
  })

  it('400: members that it does not know', async () => {
    const answer = await postAdmin(gateway, '/admin/v1/ledger/audit', { repiar: true })
    expect(answer.status).toBe(400)
  })

  it('goes on in the background until it is stopped, and repairs nothing', async () => {
    await upload('a')
    bend()
    const stop = startAuditor(gateway.context, { roundMs: 1, minPauseMs: 1, secondLookMs: 1 })
    await expect.poll(() => alarms().length).toBeGreaterThan(1)
    await stop()
    const looked = alarms().length
    expect(await audit()).toMatchObject({ found: { drifts: 1 } })
    expect(alarms()).toHaveLength(looked + 1)
  })

  it('looks in the background at its own share of the partitions alone, in turn', async () => {
    const { ledger } = gateway.context
    const { audit: working } = ledger
    const looked: number[] = []
    const shares = [[5, 2], [5, 2], [5, 2], [], [7]]
    Object.assign(ledger, {
      share: async () => shares.shift() ?? [7],
      audit(request: Parameters<typeof working>[0]) {
        looked.push(request.partition)
        return working(request)
      },
    })
    const stop = startAuditor(gateway.context, { roundMs: 1, minPauseMs: 1, secondLookMs: 1 })
    await expect.poll(() => looked.length).toBeGreaterThan(4)
    await stop()
    expect(looked.slice(0, 5)).toEqual([2, 5, 2, 7, 7])
  })

  it('goes on in the background when the ledger does not answer: a line when it begins and ends', async () => {
    const { ledger } = gateway.context
    const { audit: working, share } = ledger
    const lines = () =>
      eventsIn(gateway.log, 'audit.').map(({ event, partition }) => [event, partition])
    let calls = 0
    const away = () => {
      calls += 1
      return Promise.reject(new Error('away'))
    }
    await upload('a')
    bend()
    Object.assign(ledger, { share: away, audit: away })
    const stop = startAuditor(gateway.context, { roundMs: 1, minPauseMs: 1, secondLookMs: 1 })
    await expect.poll(() => calls).toBeGreaterThan(5)
    Object.assign(ledger, { share })
    await expect.poll(() => calls).toBeGreaterThan(10)
    expect(lines()).toEqual([['audit.failed', undefined]])
    clock.advance(30_000)
    Object.assign(ledger, { audit: working })
    await expect.poll(() => alarms().length).toBeGreaterThan(1)
    await stop()
    expect(lines()).toEqual([
      ['audit.failed', undefined],
      ['audit.working', undefined],
    ])
  })
})
