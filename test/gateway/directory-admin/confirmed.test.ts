import { expect, it } from 'vitest'
import { GatewayError } from '../../../src/errors.ts'
import { openMemoryState } from '../../../src/state/memory.ts'
import { callAdmin } from '../../support/admin-call.ts'
import { openTestGateway } from '../../support/test-gateway.ts'

it('503: what is so already is not told as made while nobody knows that it will stay', async () => {
  const state = openMemoryState()
  let away = false
  const confirm = async () => {
    if (away) throw new GatewayError('LedgerUnavailable', 'Cannot use the shared state: no answer')
  }
  const gateway = await openTestGateway({ overrides: { state: { ...state, confirm } } })
  const put = async () => {
    const body = { rates: [], quotas: [] }
    const answer = await callAdmin(gateway, 'PUT', 'plans/gold', { body })
    return [answer.status, answer.headers.get('etag')]
  }
  expect(await put()).toEqual([201, '"v1"'])
  expect(await put()).toEqual([200, '"v1"'])
  away = true
  expect(await put()).toEqual([503, null])
  away = false
  expect(await put()).toEqual([200, '"v1"'])
  await gateway.close()
})
