import { toTimestamp } from '../../clock.ts'
import type { Capabilities } from '../../stores/capabilities.ts'
import type { ProbeFinding, ProbeReport } from '../../stores/probe-report.ts'
import type { StoreTraits } from '../../stores/traits.ts'
import type { Greeting } from './bucket.ts'
import type { Cleaned } from './clean.ts'
import type { Looked, Tells } from './look.ts'
import type { ProbeRun } from './run.ts'
import { pinnedHeaders } from './signed-headers.ts'
import { CORS_STEP, FULL_STEP, PROBE_STEPS, type ProbeStep } from './steps.ts'

const CLEANING = 27
/** Looks at what tells nothing, by probes that resume each other: then it is over, and not known. */
const MAX_ATTEMPTS = 2

/** What a probe has seen so far, on top of what an earlier one has concluded. */
export class ProbeNotes {
  greeting: Greeting = {}
  /** What this probe is to look at, besides its beginning and its end. */
  readonly steps: readonly ProbeStep[]
  readonly #run: ProbeRun
  readonly #startedAt: string
  readonly #findings = new Map<string, ProbeFinding>()
  #capabilities: Partial<Capabilities> = {}
  #traits: Partial<StoreTraits> = {}

  constructor(run: ProbeRun) {
    const { full, origins, context } = run.options
    this.#run = run
    this.#startedAt = toTimestamp(context.clock.nowMs())
    this.steps = [
      ...PROBE_STEPS,
      ...(origins.length > 0 ? [CORS_STEP] : []),
      ...(full ? [FULL_STEP] : []),
    ]
  }

  /** Later findings take the place of earlier ones; what is unknown leaves those that are not. */
  add({ findings, capabilities, traits }: Looked): void {
    for (const finding of findings) {
      const name = `${finding.step} ${finding.name}`
      const known = this.#findings.get(name)
      // What the last one has left behind says nothing of this one.
      const isKept = finding.value === 'unknown' && finding.step !== CLEANING
      if (isKept && known !== undefined) continue
      this.#findings.set(name, finding)
    }
    this.#capabilities = { ...this.#capabilities, ...capabilities }
    this.#traits = { ...this.#traits, ...traits }
  }

  /** What was seen until now. */
  copy(): Looked {
    const findings = [...this.#findings.values()]
    return { findings, capabilities: this.#capabilities, traits: this.#traits }
  }

  /** Goes back to what was seen `before`: nothing is known of these steps. */
  withdraw(
    before: Looked,
    { steps, seen }: { readonly steps: readonly ProbeStep[]; readonly seen: string },
  ): void {
    this.#findings.clear()
    this.#capabilities = {}
    this.#traits = {}
    this.add(before)
    const tells = steps.flatMap((step) => step.tells)
    this.add({ findings: tells.map(([step, name]) => ({ step, name, value: 'unknown', seen })) })
  }

  /** Notes that these steps were looked at, of a store that answers. */
  countAttempts(steps: readonly ProbeStep[]): void {
    for (const [step, name] of steps.flatMap(({ tells }) => tells)) {
      const known = this.#findings.get(`${step} ${name}`)
      if (known?.value !== 'unknown') continue
      this.#findings.set(`${step} ${name}`, { ...known, attempts: (known.attempts ?? 0) + 1 })
    }
  }

  /** Whether all of it was concluded, or was looked at often enough for what cannot be. */
  #isOver(tells: Tells): boolean {
    return tells.every(([step, name]) => {
      const { attempts = 0 } = this.#findings.get(`${step} ${name}`) ?? {}
      return this.has([[step, name]]) || attempts >= MAX_ATTEMPTS
    })
  }

  /** Whether all of it was concluded. */
  has(tells: Tells): boolean {
    return tells.every(([step, name]) => {
      const finding = this.#findings.get(`${step} ${name}`)
      return finding !== undefined && finding.value !== 'unknown'
    })
  }

  /** `cleaned` is the end of a probe; before it, nobody knows what is left. */
  report(cleaned?: Cleaned): ProbeReport {
    const { placement, context, sender } = this.#run
    const { server, clockOffsetSeconds } = this.greeting
    const findings = [...this.#findings.values()].sort(byStepAndName)
    const fixedHeaders = pinnedHeaders(placement.store.capabilities.fixedHeaders, findings)
    return {
      store: placement.store.name,
      bucket: placement.bucket,
      startedAt: this.#startedAt,
      endedAt: toTimestamp(context.clock.nowMs()),
      ...(server !== undefined && { server }),
      ...(clockOffsetSeconds !== undefined && { clockOffsetSeconds }),
      requests: sender.requests + (cleaned?.requests ?? 0),
      bytes: sender.bytes,
      complete: cleaned !== undefined && this.steps.every(({ tells }) => this.#isOver(tells)),
      findings,
      capabilities: { ...this.#capabilities, ...(fixedHeaders !== undefined && { fixedHeaders }) },
      traits: this.#traits,
      leftovers: cleaned?.leftovers ?? [],
    }
  }
}

function byStepAndName(a: ProbeFinding, b: ProbeFinding): number {
  return a.step - b.step || (a.name < b.name ? -1 : 1)
}
