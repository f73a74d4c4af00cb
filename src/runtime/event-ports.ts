import type { Clock } from '../clock.ts'
import type { EventPorts } from '../stores/events/event-ports.ts'
import { createGoogleKeys } from '../stores/events/pub-sub-token.ts'
import { createSnsCalls } from '../stores/events/sns-calls.ts'
import { nodeHashing } from './node-hashing.ts'
import { verifyWithCertificate } from './x509-verify.ts'

/** What reading events needs on Node. Nothing is fetched before an event asks for it. */
export function createEventPorts(options: {
  readonly clock: Clock
  readonly fetch: typeof globalThis.fetch
}): EventPorts {
  const { clock, fetch } = options
  return {
    clock,
    hashing: nodeHashing,
    googleKeys: createGoogleKeys(fetch),
    sns: { ...createSnsCalls({ clock, fetch }), verifyWithCertificate },
  }
}
