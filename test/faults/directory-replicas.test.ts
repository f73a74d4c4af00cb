import { describe, expect, it } from 'vitest'
import {
  callOver,
  type GatewayProcess,
  type PreparedGateway,
  prepareGateway,
  startGateway,
} from '../support/gateway-process.ts'
import { initialiseLedger } from '../support/redis/initialise.ts'
import { openRedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import { until } from '../support/until.ts'

/** In force everywhere after so long, in milliseconds: what the admin API promises. */
const EVERYWHERE_MS = 2_000
/** Two starts of a process, some seconds each where the machine is busy. */
const TIMEOUT_MS = 60_000

const ALLOW = [
  { operations: ['upload', 'download'], buckets: ['media'], prefix: '{tenant}/{user}/' },
]

/** Two gateways of one installation, each a process of its own. */
async function openPair(
  closing: AsyncDisposableStack,
  prepared: PreparedGateway,
): Promise<readonly [GatewayProcess, GatewayProcess]> {
  const start = async () => closing.use(await startGateway(prepared))
  return [await start(), await start()]
}

async function prepare(closing: AsyncDisposableStack, state?: string): Promise<PreparedGateway> {
  const directory = await openTemporaryDirectory()
  closing.defer(directory.close)
  return prepareGateway(directory.path, {}, state === undefined ? {} : { state })
}

/** A call of the admin API, whose answer has to be good. */
async function admin({ adminUrl }: GatewayProcess, method: string, path: string, body?: unknown) {
  const answer = await fetch(`${adminUrl}/admin/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${TEST_ADMIN_TOKEN}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  expect([answer.ok, answer.ok ? '' : text]).toEqual([true, ''])
  return text === '' ? undefined : JSON.parse(text)
}

/** How a gateway takes this key. Who asks again and again with a bad one is told to slow down instead. */
async function takenBy({ url }: GatewayProcess, { secret: apiKey }: { secret: string }) {
  const answer = await callOver(url, { file: '', apiKey })('GET', '/v1/usage')
  await answer.body?.cancel()
  return answer.status === 429 ? 401 : answer.status
}

/** Who is made at one gateway is known to the other, and who is shut out there is refused by both. */
async function expectOneDirectory(one: GatewayProcess, other: GatewayProcess): Promise<void> {
  const becomes = (gateway: GatewayProcess, key: { secret: string }, status: number) =>
    until(
      `the other gateway answers ${status}`,
      async () => (await takenBy(gateway, key)) === status,
      EVERYWHERE_MS,
    )
  await admin(one, 'PUT', 'plans/gold', { rates: [], quotas: [] })
  await admin(one, 'PUT', 'tenants/initech', { plan: 'gold' })
  await admin(one, 'PUT', 'tenants/initech/users/peter', {})
  const made = { user: 'peter', allow: ALLOW }
  const key = await admin(one, 'POST', 'tenants/initech/keys', made)
  const kept = await admin(one, 'POST', 'tenants/initech/keys', made)
  expect(await takenBy(one, key)).toBe(200)
  await becomes(other, key, 200)
  await becomes(other, kept, 200)

  await admin(other, 'DELETE', `tenants/initech/keys/${key.id}`)
  expect(await takenBy(other, key)).toBe(401)
  await becomes(one, key, 401)
  expect([await takenBy(one, kept), await takenBy(other, kept)]).toEqual([200, 200])

  await admin(one, 'PATCH', 'tenants/initech', { suspended: true })
  expect(await takenBy(one, kept)).toBe(403)
  await becomes(other, kept, 403)
}

describe('two gateways on one SQLite file', () => {
  it(
    'A11 refuse within 2 seconds, both of them, a key that was revoked and a suspended tenant',
    async () => {
      await using closing = new AsyncDisposableStack()
      await expectOneDirectory(...(await openPair(closing, await prepare(closing))))
    },
    TIMEOUT_MS,
  )
})

describeOnRedis('two gateways on one Redis', () => {
  it(
    'A11 refuse within 2 seconds, both of them, a key that was revoked and a suspended tenant',
    async () => {
      await using closing = new AsyncDisposableStack()
      const server = closing.use(await openRedisServer({ appendOnly: 'always' }))
      const prepared = await prepare(closing, server.url)
      await initialiseLedger(prepared)
      await expectOneDirectory(...(await openPair(closing, prepared)))
    },
    TIMEOUT_MS,
  )
})
