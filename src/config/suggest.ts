const MAX_DISTANCE = 2

/** The one of `names` that was probably meant, as `, did you mean "x"?`; empty when none is near. */
export function didYouMean(name: string, names: Iterable<string>): string {
  let best: string | undefined
  let bestDistance = Math.min(MAX_DISTANCE, Math.floor(name.length / 2)) + 1
  for (const candidate of names) {
    const distance = distanceOf(name.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best === undefined ? '' : `, did you mean "${best}"?`
}

/** Levenshtein distance; swaps of neighbours count once (optimal string alignment). */
function distanceOf(a: string, b: string): number {
  // Far apart in length is far apart: no work for names of any size.
  if (Math.abs(a.length - b.length) > MAX_DISTANCE) return Number.POSITIVE_INFINITY
  let older: number[] = []
  let old = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row += 1) {
    const now = [row]
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1]
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      now.push(
        Math.min(
          at(old, column) + 1,
          at(now, column - 1) + 1,
          at(old, column - 1) + (same ? 0 : 1),
          swapped ? at(older, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      )
    }
    older = old
    old = now
  }
  return at(old, b.length)
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY
}
