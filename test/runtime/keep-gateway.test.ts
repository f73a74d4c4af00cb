import { expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import { keepGateway } from '../../src/runtime/keep-gateway.ts'

it('is one gateway for all who ask at once, and only that one says that it is ready', async () => {
  let ready = 0
  const tellReady = () => {
    ready += 1
  }
  const open = keepGateway(async () => ({ tellReady }))
  const [first, second] = await Promise.all([open({}), open({})])
  expect(second).toBe(first)
  expect(await open({})).toBe(first)
  expect(ready).toBe(1)
})

it.each([
  ['InternalError', 1, 'settings that cannot be used are read once'],
  ['LedgerUnavailable', 2, 'who does not answer is asked again'],
] as const)('%s: opens it %i times for two requests: %s', async (code, times, _) => {
  let opened = 0
  const open = keepGateway(async () => {
    opened += 1
    throw new GatewayError(code, 'Cannot start: it is a test')
  })
  await expect(open({})).rejects.toThrow('Cannot start')
  await expect(open({})).rejects.toThrow('Cannot start')
  expect(opened).toBe(times)
})
