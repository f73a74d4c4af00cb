import { toTimestamp } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { Capabilities } from '../stores/capabilities.ts'
import type { ProbeFinding, ProbeReport } from '../stores/probe-report.ts'
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

/** How a store is probed. */
export interface ProbeOptions {
  /** Also what takes parts of real size, 5 MiB each. Default false. */
  readonly full?: boolean
  /** An earlier report that is not complete: what it concluded is not looked at again. */
  readonly resume?: ProbeReport
  /** Told of all findings so far after each step that came to an end. */
  readonly onProgress?: (report: ProbeReport) => Promise<void>
  /** Origins of web pages that upload. Default: those of `server.cors` in the configuration. */
  readonly origins?: readonly string[]
  /** Ends the probe between two requests; the report is then not complete. */
  readonly signal?: AbortSignal
}

/** Steps that know nothing of each other: each writes under keys of its own. */
const STEPS: readonly {
  readonly step: number
  readonly look: (run: ProbeRun) => Promise<Partial<Capabilities>>
}[] = [
  { step: 5, look: probeSigned },
  { step: 12, look: probeWriteOnce },
  { step: 14, look: probeIfMatch },
  { step: 15, look: probeContentHashes },
  { step: 22, look: probeResponseOverrides },
  { step: 10, look: probeUnsignedHeaders },
  { step: 11, look: probeTagging },
  { step: 11, look: probeEncryption },
  { step: 24, look: probePostPolicy },
  { step: 7, look: probeCopySources },
]

/**
 * Looks at what a store really keeps, by URLs, parts and forms like those that callers get, turned
 * against it; with the real credentials, below a reserved prefix, cleaned up afterwards (`providers.md`
 * section 3). Only what was seen is in the report. A store that gives no answer in the middle ends in
 * a report that is not complete. Throws `StoreUnavailable` when the control upload does not work, for
 * then nothing means anything.
 */
export async function probeStore(
  context: ProbeContext,
  send: Send,
  placement: Placement,
  _options: ProbeOptions = {},
): Promise<ProbeReport> {
  const run = new ProbeRun(context, send, placement)
  const startedAt = toTimestamp(context.clock.nowMs())
  const findings: ProbeFinding[] = []
  let capabilities: Partial<Capabilities> = {}
  let complete = true
  try {
    await probeControl(run)
    // All of them end before the cleaning up begins, whatever becomes of one.
    const outcomes = await Promise.allSettled(STEPS.map(({ look }) => look(run)))
    for (const [index, outcome] of outcomes.entries()) {
      const step = STEPS[index]?.step ?? 0
      if (outcome.status === 'rejected') {
        if (!isNoAnswer(outcome.reason)) throw outcome.reason
        complete = false
        continue
      }
      capabilities = { ...capabilities, ...outcome.value }
      for (const [name, value] of Object.entries(outcome.value)) {
        findings.push({ step, name, value: String(value), seen: '' })
      }
    }
  } finally {
    await run.cleanUp()
  }
  return {
    store: placement.store.name,
    bucket: placement.bucket,
    startedAt,
    endedAt: toTimestamp(context.clock.nowMs()),
    requests: 0,
    bytes: 0,
    complete,
    findings: findings.sort((a, b) => a.step - b.step),
    capabilities,
    traits: {},
    leftovers: [],
  }
}

function isNoAnswer(error: unknown): boolean {
  return error instanceof GatewayError && error.code === 'StoreUnavailable'
}

/** By a PUT and by a part: the worse of both. */
async function probeCopySources(run: ProbeRun): Promise<Partial<Capabilities>> {
  const [byPut, byPart] = await Promise.all([probeCopySource(run), probeMultipart(run)])
  return { ...byPut, ...byPart }
}
