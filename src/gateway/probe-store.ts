import type { Capabilities } from '../stores/capabilities.ts'
import type { Placement } from '../stores/store.ts'
import { probePostPolicy } from './probe-form.ts'
import { probeEncryption, probeTagging, probeUnsignedHeaders } from './probe-headers.ts'
import { probeMultipart } from './probe-parts.ts'
import {
  probeContentHashes,
  probeControl,
  probeCopySource,
  probeIfMatch,
  probeResponseOverrides,
  probeSigned,
  probeWriteOnce,
} from './probe-put.ts'
import { type ProbeContext, ProbeRun, type Send } from './probe-run.ts'

/** Steps that know nothing of each other: each writes under keys of its own. */
const STEPS: readonly ((run: ProbeRun) => Promise<Partial<Capabilities>>)[] = [
  probeSigned,
  probeWriteOnce,
  probeIfMatch,
  probeContentHashes,
  probeResponseOverrides,
  probeUnsignedHeaders,
  probeTagging,
  probeEncryption,
  probePostPolicy,
  probeCopySources,
]

/**
 * Looks at what a store really keeps, by URLs, parts and forms like those that callers get, turned
 * against it; with the real credentials, below a reserved prefix, cleaned up afterwards: about 80
 * requests of a few bytes (`providers.md` section 3, the steps that signing relies on). Only what was
 * seen is in the result. Throws `StoreUnavailable` when the control upload does not work, for then
 * nothing means anything, and when the store is away in the middle of it.
 */
export async function probeStore(
  context: ProbeContext,
  send: Send,
  placement: Placement,
): Promise<Partial<Capabilities>> {
  const run = new ProbeRun(context, send, placement)
  try {
    await probeControl(run)
    // All of them end before the cleaning up begins, whatever becomes of one.
    const outcomes = await Promise.allSettled(STEPS.map((step) => step(run)))
    let seen: Partial<Capabilities> = {}
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') throw outcome.reason
      seen = { ...seen, ...outcome.value }
    }
    return seen
  } finally {
    await run.cleanUp()
  }
}

/** By a PUT and by a part: the worse of both. */
async function probeCopySources(run: ProbeRun): Promise<Partial<Capabilities>> {
  const [byPut, byPart] = await Promise.all([probeCopySource(run), probeMultipart(run)])
  return { ...byPut, ...byPart }
}
