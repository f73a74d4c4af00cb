import type { Capabilities, Known } from '../../stores/capabilities.ts'
import type { ProbeFinding } from '../../stores/probe-report.ts'
import type { StoreTraits } from '../../stores/traits.ts'
import { isOfStore, textOfError } from './answer.ts'

/** What one look at a store has told. */
export interface Looked {
  readonly findings: readonly ProbeFinding[]
  readonly capabilities?: Partial<Capabilities>
  readonly traits?: Partial<StoreTraits>
}

/** What one look tells in any case: the step of the procedure, and the name of its finding. */
export type Tells = readonly (readonly [step: number, name: string])[]

/** Whether a store does something, and by what that was seen. */
export interface Verdict {
  readonly value: 'yes' | 'no' | 'unknown'
  readonly seen: string
}

/** One attack: what was tried, whether the store held, and its answers in a few words. */
export interface Attack {
  readonly label: string
  readonly strike: () => Promise<{ readonly held: boolean; readonly seen: string }>
}

/** After that many attacks of one kind without an answer there will be none to the others. */
const MAX_UNANSWERED = 2

/** Capabilities that are `yes` or `no`. */
type Plain<Facts> = {
  [Name in keyof Facts]-?: Known extends Facts[Name] ? Name : never
}[keyof Facts]

/** A finding that stands for itself. */
export function finding(
  step: number,
  name: string,
  { value, seen }: Pick<ProbeFinding, 'value' | 'seen'>,
): Looked {
  return { findings: [{ step, name, value, seen }] }
}

/** A finding that is a capability of the same name; what is unknown sets none. */
export function capability(
  step: number,
  name: Plain<Capabilities>,
  { value, seen }: Verdict,
): Looked {
  const findings = [{ step, name, value, seen }]
  return value === 'unknown' ? { findings } : { findings, capabilities: { [name]: value } }
}

/** A finding that is a trait of the same name; what is unknown sets none. */
export function trait(step: number, name: Plain<StoreTraits>, { value, seen }: Verdict): Looked {
  const findings = [{ step, name, value, seen }]
  return value === 'unknown' ? { findings } : { findings, traits: { [name]: value } }
}

/** All of it as one look. */
export function together(...looks: readonly Looked[]): Looked {
  return {
    findings: looks.flatMap(({ findings }) => findings),
    capabilities: Object.assign({}, ...looks.map(({ capabilities }) => capabilities)),
    traits: Object.assign({}, ...looks.map(({ traits }) => traits)),
  }
}

/** What was seen, as a verdict. */
export function verdict(seen: boolean, by: string): Verdict {
  return { value: seen ? 'yes' : 'no', seen: by }
}

/** Both hold: `no` where either does not, and `unknown` where that is not known of one. */
export function allOf(...verdicts: readonly Verdict[]): Verdict {
  const values = verdicts.map(({ value }) => value)
  const value = values.includes('no') ? 'no' : values.includes('unknown') ? 'unknown' : 'yes'
  return { value, seen: verdicts.map(({ seen }) => seen).join('; ') }
}

/**
 * Whether a store holds against every attack. One that got through is the end of it: `no`, whatever
 * else was not answered. `unknown` where none got through and not all were answered.
 */
export async function judge(attacks: readonly Attack[]): Promise<Verdict> {
  const seen: string[] = []
  let unanswered = 0
  for (const { label, strike } of attacks) {
    try {
      const struck = await strike()
      seen.push(`${label}: ${struck.seen}`)
      if (!struck.held) return { value: 'no', seen: seen.join('; ') }
    } catch (error) {
      if (!isOfStore(error)) throw error
      seen.push(`${label}: ${textOfError(error)}`)
      unanswered += 1
      if (unanswered >= MAX_UNANSWERED) break
    }
  }
  return { value: unanswered === 0 ? 'yes' : 'unknown', seen: seen.join('; ') }
}

/** Looks, and knows nothing where the store gave no usable answer. */
export async function unlessSilent(look: () => Promise<Looked>, tells: Tells): Promise<Looked> {
  try {
    return await look()
  } catch (error) {
    if (!isOfStore(error)) throw error
    const seen = textOfError(error)
    return { findings: tells.map(([step, name]) => ({ step, name, value: 'unknown', seen })) }
  }
}
