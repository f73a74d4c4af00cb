import { type Measured, median } from './rounds.ts'

/** One measured number, as `--json` prints it. */
export interface Figure {
  /** Contract: `api.md` lists the names that checks read. */
  readonly name: string
  readonly value: number
  readonly unit: string
  /** Name of the figure that `ratio` compares with. */
  readonly baseline?: string
  /** How many times the baseline's value: the median of the rounds, each compared with itself. */
  readonly ratio?: number
}

/** What a part hands its figures to as soon as it has them. */
export type Report = (figure: Figure) => void

/** Four significant digits: more would claim a precision that no run has. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4))
}

/**
 * The median of what was measured, once for each baseline, because a figure names only one. Baselines
 * that were not measured are left out; without any, the value stands alone.
 */
export function figuresOf(
  measured: Measured,
  { name, unit, baselines = [] }: { name: string; unit: string; baselines?: readonly string[] },
): Figure[] {
  const values = measured.get(name)
  if (values === undefined) return []
  const figure = { name, value: rounded(median(values)), unit }
  const compared = baselines.flatMap((baseline) => {
    const others = measured.get(baseline)
    if (others === undefined) return []
    // Neighbours slow a round down as a whole: within it the two sides have met the same machine.
    const ratios = values.map((value, round) => value / (others[round] ?? Number.NaN))
    return [{ ...figure, baseline, ratio: rounded(median(ratios)) }]
  })
  return compared.length === 0 ? [figure] : compared
}

/** A line of the table for people. */
export function tableLine({ name, value, unit, baseline, ratio }: Figure): string {
  const amount = value.toLocaleString('en-US', { maximumSignificantDigits: 4 })
  const left = `${name.padEnd(28)}${amount.padStart(12)} ${unit.padEnd(12)}`
  return baseline === undefined ? left.trimEnd() : `${left} = ${ratio} × ${baseline}`
}
