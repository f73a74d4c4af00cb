import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLocalJWKSet } from 'jose'
import { expect } from 'vitest'
import { nodeHashing } from '../../../src/runtime/node-hashing.ts'
import { Secret } from '../../../src/secret.ts'
import type { EventPorts } from '../../../src/stores/events/event-ports.ts'
import { type EventSettings, USUAL_EVENTS } from '../../../src/stores/events/event-settings.ts'
import { readEvents } from '../../../src/stores/events/read-events.ts'
import type { StoreEvent } from '../../../src/stores/events/store-event.ts'
import type { EventShape } from '../../../src/stores/traits.ts'
import { TestClock } from '../../support/test-clock.ts'
import { CANARY } from '../../support/test-config.ts'

/** An event secret of 32 characters, as B2 makes them. */
export const EVENT_SECRET = `Ev3nt-${CANARY}-0123456789abc`

/** A sample of the reference, byte for byte. */
export function sample(name: string): string {
  return readFileSync(join(import.meta.dirname, 'samples', `${name}.json`), 'utf8').trim()
}

/** Settings of a store that sends one shape, proven as is usual. */
export function settingsOf(
  shape: Exclude<EventShape, 'none'>,
  changes: Partial<EventSettings> = {},
): EventSettings {
  return {
    secrets: [new Secret(EVENT_SECRET)],
    shape,
    ...USUAL_EVENTS[shape],
    topicArns: new Set(),
    ...changes,
  }
}

/** Ports that reach nobody: whatever is fetched fails the test. */
export function testPorts(changes: Partial<EventPorts> = {}): EventPorts {
  return {
    clock: new TestClock(),
    hashing: nodeHashing,
    googleKeys: createLocalJWKSet({ keys: [] }),
    sns: {
      fetchCertificate: (url) => Promise.reject(new Error(`fetched ${url}`)),
      confirmSubscription: (url) => Promise.reject(new Error(`fetched ${url}`)),
      verifyWithCertificate: () => false,
    },
    ...changes,
  }
}

/** A delivery to a store, with the secret as bearer token unless other headers are given. */
export function deliver(
  settings: EventSettings | undefined,
  body: string | Uint8Array | object,
  options: { headers?: Record<string, string>; ports?: EventPorts } = {},
): Promise<readonly StoreEvent[]> {
  const { headers = { authorization: `Bearer ${EVENT_SECRET}` }, ports = testPorts() } = options
  const raw =
    body instanceof Uint8Array
      ? body
      : new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body))
  const store = settings === undefined ? undefined : { events: settings }
  return readEvents(store, { headers: new Headers(headers), raw }, ports)
}

/** Expects the refusal of every delivery that is not proven. */
export async function expectUnproven(delivery: Promise<unknown>): Promise<void> {
  await expect(delivery).rejects.toMatchObject({
    code: 'Unauthenticated',
    message: 'Cannot authenticate the request: no usable credential',
  })
}
