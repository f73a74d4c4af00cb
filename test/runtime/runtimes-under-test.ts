import { describe, inject, it } from 'vitest'
import type { Runtimes } from './binaries.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where Bun, Deno and workerd are; the run says at its end what was not shown without. */
    runtimes: Runtimes
  }
}

/** Programs of the runtimes beside Node, by their names. */
export type RuntimePrograms = Extract<Runtimes, { kind: 'runtimes' }>

/**
 * Describes guarantees that only a real process of another runtime can show. Where they cannot be had, one
 * skipped test stands for them in the report, the run says so at its end, and CI has failed long before.
 */
export function describeOnRuntimes(body: (programs: RuntimePrograms) => void): void {
  const runtimes = inject('runtimes')
  if (runtimes.kind === 'runtimes') body(runtimes)
  else describe('other runtimes', () => it.skip('not shown: Bun, Deno and workerd are not here'))
}
