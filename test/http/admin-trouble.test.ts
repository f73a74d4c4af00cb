import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import { openMemoryState } from '../../src/state/memory.ts'
import type { StateStore } from '../../src/state/port.ts'
import { callAdmin } from '../support/admin-call.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { openTestGateway, type TestGateway } from '../support/test-gateway.ts'
import { keyCalls, OWN_KEYS } from './key-calls.ts'

const away = () => new GatewayError('LedgerUnavailable', 'Cannot reach the state: no answer')

let gateway: TestGateway
let keys: ReturnType<typeof keyCalls>
/** Calls of the store that do something else than the store's own. */
let instead: Partial<StateStore>
const state = openMemoryState()

beforeAll(async () => {
  const own = { ...state }
  const troubled: StateStore = {
    ...own,
    get: (name) => (instead.get ?? own.get)(name),
    put: (document) => (instead.put ?? own.put)(document),
    changes: (asked) => (instead.changes ?? own.changes)(asked),
  }
  instead = {}
  gateway = await openTestGateway({ overrides: { state: troubled } })
  keys = keyCalls(gateway)
})
afterAll(() => gateway.close())
beforeEach(() => {
  instead = {}
})

const eventsOf = (action: string) =>
  gateway.audited.filter((event) => event.action === action).map(({ event, code }) => [event, code])

describe('a change whose answer was lost', () => {
  it('503: says that it may have been made, and the audit log does not say that it was refused', async () => {
    instead.put = async (document) => {
      await state.put(document)
      throw away()
    }
    const body = { id: 'lost1', user: 'alice', allow: [OWN_KEYS] }
    const answer = await keys.call('POST', '/tenants/acme/keys', body)
    instead = {}
    const problem = await expectRefused(
      answer,
      { status: 503, code: 'LedgerUnavailable' },
      { gateway },
    )
    expect(problem.detail).toMatch(/^Cannot tell whether the change was made: .*keys\/lost1"/)
    expect(eventsOf('createKey')).toEqual([
      ['admin.change_requested', undefined],
      ['admin.unknown', 'LedgerUnavailable'],
    ])
    expect((await keys.call('DELETE', '/tenants/acme/keys/lost1')).status).toBe(204)
  })

  it('503: is refused where the store was silent before, and says no more', async () => {
    instead.changes = () => Promise.reject(away())
    const answer = await callAdmin(gateway, 'PUT', 'plans/silent', { body: {} })
    const problem = await expectRefused(
      answer,
      { status: 503, code: 'LedgerUnavailable' },
      { gateway },
    )
    expect(problem.detail).toBe('Cannot reach the state: no answer')
    expect(eventsOf('putPlan')).toEqual([['admin.refused', 'LedgerUnavailable']])
  })
})

describe('keys while nobody can tell when they were used', () => {
  it('200: are changed and shown without their last use', async () => {
    await keys.create('unread1')
    const path = '/tenants/acme/keys/unread1'
    instead.get = () => Promise.reject(away())
    expect((await keys.call('PATCH', path, { label: 'seen' })).status).toBe(200)
    expect(await keys.get('unread1')).toMatchObject({ label: 'seen' })
    expect((await keys.call('GET', '/keys')).status).toBe(200)
  })
})

describe('a change of what somebody else removes before it is answered', () => {
  it.each([
    ['plans/between', { rates: [] }, { name: 'between', rates: [], quotas: [] }],
    ['tenants/between', { plan: 'test' }, { id: 'between', plan: 'test', suspended: false }],
    ['tenants/globex/users/between', { suspended: true }, { id: 'between', suspended: true }],
  ])('201: %s is shown as it was made', async (path, body, shown) => {
    const { audit, directory } = gateway.context
    const { append } = audit
    let removed = false
    audit.append = async (event) => {
      await append(event)
      if (event.event !== 'admin.changed' || removed) return
      removed = true
      const name = `directory/${path.replace(/^tenants.*users/, 'user/globex').replace(/^(\w+)s\//, '$1/')}`
      expect(await state.put({ name, value: '{"removed":true}' })).toBe(2)
      await directory.sync()
    }
    const answer = await callAdmin(gateway, 'PUT', path, { body })
    audit.append = append
    expect([answer.status, answer.headers.get('etag')]).toEqual([201, '"v1"'])
    expect(await answer.json()).toMatchObject({ ...shown, source: 'admin' })
    expect((await callAdmin(gateway, 'GET', path)).status).toBe(404)
  })
})
