import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../src/errors.ts'
import { USUAL_EVENTS } from '../../../src/stores/events/event-settings.ts'
import type { EventShape } from '../../../src/stores/traits.ts'
import { deliver, EVENT_SECRET, sample, settingsOf } from './events-fixture.ts'

const shapes = Object.keys(USUAL_EVENTS) as Exclude<EventShape, 'none'>[]
const samples = [
  'sns-envelope',
  'aws-record',
  'event-bridge',
  'minio-record',
  'ceph-record',
  'ceph-measured',
  'r2',
  'b2',
  'tigris',
  'storj-record',
  'gcs',
  'seaweedfs',
].map(sample)

const RUNS = 600

/** A body that looks like one: a sample whose members are replaced by anything. */
const mutated = fc
  .tuple(
    fc.constantFrom(...samples),
    fc.infiniteStream(fc.nat(30)),
    fc.infiniteStream(fc.jsonValue()),
  )
  .map(([text, dice, junk]) => {
    const parsed: unknown = JSON.parse(text, (_, value: unknown) =>
      dice.next().value === 0 ? junk.next().value : value,
    )
    return JSON.stringify(parsed) ?? 'null'
  })
const bodies = fc.oneof(
  { weight: 6, arbitrary: mutated },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string() },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }) },
)
const headers = fc.constantFrom<Record<string, string>>(
  {},
  { authorization: 'Bearer wrong' },
  { authorization: 'Basic d3Jvbmc=' },
  { 'x-bz-event-notification-signature': 'v1=00' },
  { 'x-amz-sns-message-type': 'Notification' },
)

describe('whatever is delivered', () => {
  it('with a proof: 400, 413, or events that name a bucket and keys that may be signed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...shapes), bodies, async (shape, body) => {
        try {
          for (const event of await deliver(settingsOf(shape), body)) {
            expect(event.bucket).not.toBe('')
            expect(event.keys).not.toContain('')
            expect(event.shape).toBe(shape)
            expect(event.id).toMatch(/^[0-9a-f]{32}$/)
          }
        } catch (error) {
          if (!(error instanceof GatewayError)) throw error
          expect([400, 413]).toContain(error.status)
        }
      }),
      { numRuns: RUNS },
    )
  })

  it('without a proof: 401, and nothing else', async () => {
    const topicArns = new Set(['arn:aws:sns:us-west-2:123456789012:MyTopic'])
    const oidc = { audience: 'a', serviceAccount: 'b@c' }
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...shapes), bodies, headers, async (shape, body, given) => {
        const text = body instanceof Uint8Array ? body : body.replaceAll(EVENT_SECRET, '')
        const settings = settingsOf(shape, {
          ...oidc,
          topicArns: shape === 'aws' ? topicArns : new Set(),
        })
        const sent = deliver(settings, text, { headers: given }).catch((error: unknown) => error)
        const outcome = await sent
        if (!(outcome instanceof GatewayError)) throw outcome
        // The sample's own envelope gets as far as its certificate, which nobody can have here.
        expect(outcome.status === 401 || outcome.code === 'AuthUnavailable').toBe(true)
      }),
      { numRuns: RUNS },
    )
  })
})
