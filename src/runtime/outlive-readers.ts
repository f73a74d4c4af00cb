/**
 * Goes on when nobody reads any more what this process writes, as after the end of the program that its
 * log was piped into: the lines are lost, and nothing else. Unhandled, each would be an error that is
 * logged, to the same closed pipe, again and again. Who waits for a write of its own is told all the same.
 */
export function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}
