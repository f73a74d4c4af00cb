import { expect, it } from 'vitest'
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

const PLACES = 150
const REQUESTS = 600

const PLAN = {
  quotas: [
    { policy: 'user-objects-day', per: 'user', unit: 'objects', limit: PLACES, window: 'day' },
  ],
}

function upload(index: number) {
  return {
    bucket: 'media',
    key: `acme/alice/file-${index}`,
    sizeBytes: 1,
    contentType: 'text/plain',
  }
}

describeOnRedis('several gateways on one Redis', () => {
  it('600 parallel requests to three gateways for 150 places: exactly 150 are granted', async () => {
    await using closing = new AsyncDisposableStack()
    const directory = await openTemporaryDirectory()
    closing.defer(directory.close)
    const server = closing.use(await openRedisServer({ appendOnly: 'always' }))
    const prepared: PreparedGateway = await prepareGateway(
      directory.path,
      { plan: PLAN },
      { state: server.url },
    )
    await initialiseLedger(prepared)
    const gateways: GatewayProcess[] = []
    for (let n = 0; n < 3; n += 1) gateways.push(closing.use(await startGateway(prepared)))
    const calls = gateways.map(({ url }) => callOver(url, prepared))
    const statuses = await Promise.all(
      Array.from({ length: REQUESTS }, async (_, index) => {
        // As a client does that is told to come back: the same key, until there is a decision.
        const key = { 'idempotency-key': `request-${index}` }
        for (;;) {
          const response = await calls[index % 3]?.('POST', '/v1/uploads', upload(index), key)
          await response?.text()
          if (response?.status !== 503) return response?.status
        }
      }),
    )
    const count = (status: number) => statuses.filter((each) => each === status).length
    expect({ granted: count(201), refused: count(429) }).toEqual({
      granted: PLACES,
      refused: REQUESTS - PLACES,
    })
  })
})
