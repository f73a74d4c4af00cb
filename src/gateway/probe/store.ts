import type { ProbeReport } from '../../stores/probe-report.ts'
import type { Placement } from '../../stores/store.ts'
import { greet } from './bucket.ts'
import { type Cleaned, cleanUp } from './clean.ts'
import { probeControl, repeatControl } from './control.ts'
import { finding, type Looked, unlessSilent } from './look.ts'
import { ProbeNotes } from './notes.ts'
import { type ProbeContext, ProbeRun } from './run.ts'
import type { Send } from './sender.ts'
import type { ProbeStep } from './steps.ts'

/** How a store is probed. */
export interface ProbeOptions {
  /** Also what takes parts of real size, 5 MiB each. Default false. */
  readonly full?: boolean
  /** An earlier report, of the same server: what it concluded is not looked at again. */
  readonly resume?: ProbeReport
  /** Told of all findings so far after each step that came to an end. */
  readonly onProgress?: (report: ProbeReport) => Promise<void>
  /** Origins of web pages that upload. Default: those of `server.cors` in the configuration. */
  readonly origins?: readonly string[]
  /** Ends the probe between two requests; the report is then not complete. */
  readonly signal?: AbortSignal
}

/**
 * Looks at what a store really keeps, by URLs, parts and forms like those that callers get, turned
 * against it: the 27 steps of `providers.md` section 3, with the real credentials, below a reserved
 * prefix, cleaned up afterwards. Some 300 requests of a few bytes. Only what was seen is in the report.
 * A store that gives no answer in the middle ends in a report that is not complete, and so do `signal`
 * and a control upload that does not work in the end any more: nothing counts then. Throws `StoreUnavailable` when the control upload does not work, for then nothing means
 * anything. Safe to repeat, and to run twice at once.
 */
export async function probeStore(
  context: ProbeContext,
  send: Send,
  placement: Placement,
  { full = false, resume, onProgress, origins, signal }: ProbeOptions = {},
): Promise<ProbeReport> {
  const run = new ProbeRun({
    context,
    send,
    placement,
    full,
    origins: origins ?? [...context.config.server.cors.origins],
    signal,
  })
  const notes = new ProbeNotes(run)
  let failure: unknown
  try {
    await lookAtAll(run, notes, { resume, onProgress })
  } catch (error) {
    failure = error
  }
  if (failure !== undefined && run.written.size + run.begun.length === 0) throw failure
  const cleaned = await cleanUp(run, notes.greeting.clockOffsetSeconds)
  if (failure !== undefined) throw failure
  notes.add(whatIsCleaned(cleaned))
  return notes.report(cleaned)
}

async function lookAtAll(
  run: ProbeRun,
  notes: ProbeNotes,
  {
    resume,
    onProgress,
  }: {
    readonly resume: ProbeOptions['resume'] | undefined
    readonly onProgress: ProbeOptions['onProgress'] | undefined
  },
): Promise<void> {
  const { greeting, ...greeted } = await greet(run)
  notes.greeting = greeting
  run.behindMs = Math.max(0, -(greeting.clockOffsetSeconds ?? 0)) * 1000
  // Another server is another store.
  if (resume !== undefined && resume.server === greeting.server) notes.add(resume)
  notes.add(greeted)
  notes.add(await probeControl(run, greeting))
  const steps = notes.steps.filter(({ tells }) => !notes.has(tells))
  if (steps.length === 0) return
  const before = notes.copy()
  await lookAtSteps(run, notes, { steps, onProgress })
  const again = await repeatControl(run)
  if (again.value === 'yes') notes.countAttempts(steps)
  if (again.value === 'no')
    notes.withdraw(before, { steps, seen: `control at the end: ${again.seen}` })
}

async function lookAtSteps(
  run: ProbeRun,
  notes: ProbeNotes,
  {
    steps,
    onProgress,
  }: { readonly steps: readonly ProbeStep[]; readonly onProgress: ProbeOptions['onProgress'] },
): Promise<void> {
  const waiting = [...steps]
  let failure: unknown
  // One after another, so that no earlier report comes after a later one.
  let told = Promise.resolve()
  const worker = async () => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const { look, tells } = step
      notes.add(await unlessSilent(() => look(run), tells))
      told = told.then(() => onProgress?.(notes.report()))
      await told
    }
  }
  // All of them end before the cleaning up begins, whatever becomes of one.
  const workers = Array.from({ length: run.atOnce }, () =>
    worker().catch((error: unknown) => {
      failure ??= error
      waiting.length = 0
    }),
  )
  await Promise.all(workers)
  if (failure !== undefined) throw failure
}

function whatIsCleaned({ looked, leftovers }: Cleaned): Looked {
  const seen = leftovers.length === 0 ? 'nothing left' : `left: ${leftovers.length}`
  const value = leftovers.length > 0 ? 'no' : looked ? 'yes' : 'unknown'
  return finding(27, 'cleaned', { value, seen: looked ? seen : `no listing; ${seen}` })
}
