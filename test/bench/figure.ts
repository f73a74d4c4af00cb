/** One measured number, as `--json` prints it. */
export interface Figure {
  /** Contract: `api.md` lists the names that checks read. */
  readonly name: string
  readonly value: number
  readonly unit: string
  /** Name of the figure that `ratio` compares with. */
  readonly baseline?: string
  /** `value` divided by the baseline's value; both come from the same run. */
  readonly ratio?: number
}

/** What a part hands its figures to as soon as it has them. */
export type Report = (figure: Figure) => void

/** Four significant digits: more would claim a precision that no run has. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4))
}

/**
 * The same value once for each baseline, because a figure names only one. Baselines that were not
 * measured are left out; without any, the value stands alone.
 */
export function figuresOf(
  measured: ReadonlyMap<string, number>,
  { name, unit, baselines = [] }: { name: string; unit: string; baselines?: readonly string[] },
): Figure[] {
  const value = measured.get(name)
  if (value === undefined) return []
  const figures = baselines.flatMap((baseline) => {
    const other = measured.get(baseline)
    if (other === undefined) return []
    return [{ name, value: rounded(value), unit, baseline, ratio: rounded(value / other) }]
  })
  return figures.length === 0 ? [{ name, value: rounded(value), unit }] : figures
}

/** A line of the table for people. */
export function tableLine({ name, value, unit, baseline, ratio }: Figure): string {
  const amount = value.toLocaleString('en-US', { maximumSignificantDigits: 4 })
  const left = `${name.padEnd(28)}${amount.padStart(12)} ${unit.padEnd(12)}`
  return baseline === undefined ? left.trimEnd() : `${left} = ${ratio} × ${baseline}`
}
