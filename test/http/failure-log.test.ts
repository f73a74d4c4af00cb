import { afterEach, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { eventsIn } from '../support/log-lines.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

let gateway: TestGateway
afterEach(() => gateway.close())

/** A gateway whose ledger fails as `error` says by then. */
async function openFailing(error: () => Error) {
  const clock = new TestClock()
  const ledger = { ...openMemoryLedger({ clock }), admit: () => Promise.reject(error()) }
  gateway = await openTestGateway({ clock, overrides: { ledger } })
  return { clock, upload: () => gateway.call('POST', '/v1/uploads', uploadBody()) }
}

const lines = () => eventsIn(gateway.log, 'request.failed')

it.each(['LedgerUnavailable', 'StoreUnavailable', 'Overloaded'] as const)(
  '%s under load: one line in ten seconds, with how often it was, and a request to begin with',
  async (code) => {
    const { clock, upload } = await openFailing(() => new GatewayError(code, 'Cannot decide: away'))
    const refused = await expectRefused(await upload(), { status: 503, code })
    for (let n = 0; n < 50; n += 1) await expectRefused(await upload(), { status: 503, code })
    const { requestId } = refused
    expect(lines()).toMatchObject([{ level: 'warn', code, requestId, times: 1 }])
    clock.advance(9_999)
    await upload()
    expect(lines()).toHaveLength(1)
    clock.advance(1)
    await upload()
    expect(lines().map(({ times }) => times)).toEqual([1, 52])
  },
)

it('another reason has a line of its own at once, and what is nobody’s outage has one for each', async () => {
  const away = new GatewayError('LedgerUnavailable', 'Cannot decide: away')
  const odd = new GatewayError('LedgerUnavailable', 'Cannot decide: a stored value is unreadable')
  const errors = [away, odd, away, odd, new Error('a bug'), new Error('a bug')]
  const { upload } = await openFailing(() => errors.shift() ?? away)
  for (let n = 0; n < 6; n += 1) await upload()
  expect(lines().map(({ code }) => code)).toEqual([
    'LedgerUnavailable',
    'LedgerUnavailable',
    'InternalError',
    'InternalError',
  ])
})
