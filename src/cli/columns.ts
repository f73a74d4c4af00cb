/** A line of a table: one text or number a column. */
export type Line = readonly (string | number)[]

/** Lines with their columns below each other, two blanks in front, as finished text. */
export function columns(lines: readonly Line[]): string[] {
  const widths: number[] = []
  for (const line of lines) {
    for (const [at, cell] of line.entries()) {
      widths[at] = Math.max(widths[at] ?? 0, cellText(cell).length)
    }
  }
  return lines.map((line) => {
    const cells = line.map((cell, at) => cellText(cell).padEnd(widths[at] ?? 0))
    return `  ${cells.join('  ').trimEnd()}\n`
  })
}

// A name that a stranger chose for a key must not talk to the terminal.
function cellText(cell: string | number): string {
  return String(cell).replace(/\p{C}/gu, '?')
}
