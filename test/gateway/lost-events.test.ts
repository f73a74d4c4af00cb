import { expect, it } from 'vitest'
import { openTestGateway, uploadBody } from '../support/test-gateway.ts'

it('403: names the event that no audit log has taken in a line of its own name', async () => {
  const gateway = await openTestGateway()
  gateway.context.audit.append = () => Promise.reject(new Error('the disk is full'))
  const answer = await gateway.call('POST', '/v1/uploads', uploadBody({ bucket: 'others' }))
  await gateway.close()
  expect(answer.status).toBe(403)
  const lines = gateway.log.map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(lines.filter(({ event }) => event === 'audit.lost')).toMatchObject([
    { level: 'error', lost: 'upload.refused', error: { message: 'the disk is full' } },
  ])
})
