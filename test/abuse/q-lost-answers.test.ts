import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import { createApp } from '../../src/http/create-app.ts'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import type { AdmitReply, Ledger } from '../../src/ledger/port.ts'
import { listenNode } from '../../src/runtime/listen-node.ts'
import { sweepAll } from '../gateway/gateway-on-store.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { startStoreStub } from '../support/store-stub.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, uploadBody } from '../support/test-gateway.ts'

const KEY = { 'idempotency-key': 'the-same' }
const REFUSAL = { status: 503, code: 'LedgerUnavailable' } as const
/** Longer than a grant, the longest transfer and a minute. */
const LIFE_MS = 5_000_000

/** A gateway whose store has nothing, and whose ledger is wrapped. */
async function open(wrap: (ledger: Ledger) => Ledger) {
  const clock = new TestClock(Date.now())
  const memory = openMemoryLedger({ clock })
  const stub = await startStoreStub(404)
  const gateway = await openTestGateway({
    clock,
    store: { endpoint: stub.url },
    overrides: { ledger: { ...memory, ...wrap(memory) } },
  })
  const pending = async () => {
    const { limits } = await (await gateway.call('GET', '/v1/usage')).json()
    return limits.find(({ policy }: { policy: string }) => policy === 'user-pending').pending
  }
  /** Sweeps until all is over, with a store whose `Date` follows the clock. */
  const untilReleased = async () => {
    for (const _ of [1, 2, 3]) {
      clock.advance(LIFE_MS)
      await sweepAll({
        ...gateway.context,
        storeClient: {
          ...gateway.context.storeClient,
          head: async (place) => ({
            ...(await gateway.context.storeClient.head(place)),
            storeNowMs: clock.nowMs(),
          }),
        },
      })
    }
  }
  const close = async () => {
    await gateway.close()
    await stub[Symbol.asyncDispose]()
  }
  return { gateway, memory, pending, untilReleased, close }
}

/** Executes the reserve, then says that there was no answer: as a connection that broke in between. */
function losingReserves(times: number) {
  let left = times
  return (ledger: Ledger): Ledger => ({
    ...ledger,
    async admit(command) {
      const reply = await ledger.admit(command)
      if (command.op !== 'R' || left === 0) return reply
      left -= 1
      throw new GatewayError('LedgerUnavailable', 'Cannot decide: the ledger does not answer')
    },
  })
}

describe('an answer of the ledger that is lost after the charge', () => {
  it('Q04 503 without a URL; a retry with the same key is the same upload, charged once', async () => {
    const { gateway, pending, close } = await open(losingReserves(3))
    for (const _ of [1, 2, 3]) {
      const answer = await gateway.call('POST', '/v1/uploads', uploadBody(), { headers: KEY })
      await expectRefused(answer, REFUSAL, { gateway })
      expect(await pending()).toBe(1)
    }
    const answer = await gateway.call('POST', '/v1/uploads', uploadBody(), { headers: KEY })
    const { id } = await answer.json()
    expect([answer.status, await pending()]).toEqual([201, 1])
    const { uploads } = await (await gateway.call('GET', '/v1/uploads')).json()
    expect(uploads.map((upload: { id: string }) => upload.id)).toEqual([id])
    await close()
  })

  it('Q04 503 without a URL; without a retry the sweeper releases it', async () => {
    const { gateway, pending, untilReleased, close } = await open(losingReserves(2))
    for (const headers of [KEY, {}]) {
      const answer = await gateway.call('POST', '/v1/uploads', uploadBody(), { headers })
      await expectRefused(answer, REFUSAL, { gateway })
    }
    expect(await pending()).toBe(2)
    await untilReleased()
    expect(await pending()).toBe(0)
    await close()
  })
})

describe('a client that is gone after the charge', () => {
  it('Q04 its retry is the same upload, charged once; without one the sweeper releases it', async () => {
    const charged = Promise.withResolvers<AdmitReply>()
    const gone = Promise.withResolvers<void>()
    const { gateway, pending, untilReleased, close } = await open((ledger) => ({
      ...ledger,
      async admit(command) {
        const reply = await ledger.admit(command)
        if (command.op === 'R') {
          charged.resolve(reply)
          await gone.promise
        }
        return reply
      },
    }))
    const { config } = gateway.context
    const fetchApp = createApp(gateway.context).fetch
    const listening = await listenNode(fetchApp, config.server.listen, config.server)
    const socket = connect(listening.address.port, '127.0.0.1')
    const body = JSON.stringify(uploadBody())
    const headers = [
      'Host: gateway',
      `Authorization: Bearer ${gateway.key()}`,
      'Content-Type: application/json',
      `Idempotency-Key: ${KEY['idempotency-key']}`,
      `Content-Length: ${body.length}`,
    ]
    socket.write(`POST /v1/uploads HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n${body}`)
    expect((await charged.promise).code).toBe('OK')
    socket.destroy()
    await once(socket, 'close')
    gone.resolve()
    await listening.stop(5_000)
    expect(await pending()).toBe(1)
    const answer = await gateway.call('POST', '/v1/uploads', uploadBody(), { headers: KEY })
    expect([answer.status, await pending()]).toEqual([201, 1])
    await untilReleased()
    expect(await pending()).toBe(0)
    expect(gateway.log.filter((line) => line.includes('"level":"error"'))).toEqual([])
    await close()
  })
})
