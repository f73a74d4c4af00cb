import type { Clock } from '../clock.ts'
import { lazily } from '../lazily.ts'
import type { EventPorts } from '../stores/events/event-ports.ts'
import { createSnsCalls } from '../stores/events/sns-calls.ts'
import { nodeHashing } from './node-hashing.ts'
import { verifyWithCertificate } from './x509-verify.ts'

/** What reading events needs on Node. Nothing is fetched before an event asks for it. */
export function createEventPorts(options: {
  readonly clock: Clock
  readonly fetch: typeof globalThis.fetch
}): EventPorts {
  const { clock, fetch } = options
  const googleKeys = lazily(async () => {
    const { createGoogleKeys } = await import('../stores/events/pub-sub-token.ts')
    return createGoogleKeys(fetch)
  })
  return {
    clock,
    hashing: nodeHashing,
    googleKeys: async (...asked) => (await googleKeys())(...asked),
    sns: { ...createSnsCalls({ clock, fetch }), verifyWithCertificate },
  }
}
