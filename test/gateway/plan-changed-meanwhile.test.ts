import { afterEach, describe, expect, it } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'
import { faultyLedger, PortFaults } from './faulty-ports.ts'

const QUOTAS = [
  { policy: 'a-bytes', per: 'user', unit: 'bytes', limit: 5_000, window: 'day' },
  { policy: 'b-stored', per: 'tenant', unit: 'stored-bytes', limit: 9_000 },
]
const NOBODY: Config['tenants'] = new Map()

let gateway: TestGateway
let faults: PortFaults
afterEach(() => gateway.close())

async function open(): Promise<void> {
  const clock = new TestClock()
  faults = new PortFaults()
  const ledger = faultyLedger(openMemoryLedger({ clock }), faults)
  gateway = await openTestGateway({
    clock,
    plan: { rates: [], quotas: QUOTAS },
    overrides: { ledger },
  })
}

/** Creates it, with other tenants in force from when the ledger is asked on until it is answered. */
async function meanwhile(
  tenants: Config['tenants'],
  path: string,
  body: unknown,
): Promise<Response> {
  const { live } = gateway.context
  const { file: config, secrets } = live
  const pause = faults.pauseAt(path.includes('dryRun') ? 'Q' : 'R')
  const answer = gateway.call('POST', path, body)
  await pause.reached
  live.replaceFile({ config: { ...config, tenants }, secrets })
  pause.go()
  const answered = await answer
  live.replaceFile({ config, secrets })
  return answered
}

/** Everybody as now, with other quotas. */
function others(): Config['tenants'] {
  const { tenants } = gateway.context.live.file
  const changed = [...tenants].map(([id, { plan: old, ...tenant }]) => {
    const quotas = old.quotas.slice(1).map((quota) => ({ ...quota, policy: '0-other', limit: 77 }))
    const plan = { ...old, quotas }
    const users = new Map([...tenant.users].map(([name, user]) => [name, { ...user, plan }]))
    return [id, { ...tenant, plan, users }] as const
  })
  return new Map(changed)
}

const WAYS = [
  ['/v1/uploads', uploadBody(), 201],
  ['/v1/uploads/batch', { items: [uploadBody()] }, 201],
  ['/v1/uploads?dryRun=true', uploadBody(), 200],
] as const

describe.each(WAYS)('%s, while settings change', (path, body, status) => {
  it(`${status}: tells of the limits that were decided by, each by its own name`, async () => {
    await open()
    const answer = await meanwhile(others(), path, body)
    expect(answer.status).toBe(status)
    const taken = path.includes('dryRun') ? 0 : 1_000
    const fields = /^"a-bytes";r=\d+;t=\d+, "b-stored";r=\d+$/
    if (status === 201) expect(answer.headers.get('ratelimit')).toMatch(fields)
    expect((await answer.json()).limits).toMatchObject([
      { policy: 'a-bytes', limit: 5_000, remaining: 5_000 - taken },
      { policy: 'b-stored', limit: 9_000, remaining: 9_000 - taken },
    ])
  })

  it(`${status}: what has begun ends, though the tenant is removed`, async () => {
    await open()
    expect((await meanwhile(NOBODY, path, body)).status).toBe(status)
  })
})
