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

/** Text as a terminal may have it: a name that a stranger chose must not talk to it. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, '?')
}

function cellText(cell: string | number): string {
  return printable(String(cell))
}
