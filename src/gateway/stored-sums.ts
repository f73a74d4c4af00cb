import type { Config } from '../config/config.ts'
import { KIND } from '../ledger/port.ts'
import type { Placement } from '../stores/store.ts'

/** What objects add up to in one stored total. */
export interface StoredSum {
  readonly subject: string
  readonly limitId: number
  readonly amount: number
}

/** Sums by `totalName`. */
export type StoredSums = Map<string, StoredSum>

const ENTRY = 4

/** Names a total: what sums are kept under. */
export function totalName({ subject, limitId }: Pick<StoredSum, 'subject' | 'limitId'>): string {
  return `${subject} ${limitId}`
}

/** Adds one object of a size to the stored totals of a hold. */
export function addObject(
  sums: StoredSums,
  { subjects, hold }: { readonly subjects: readonly string[]; readonly hold: readonly number[] },
  sizeBytes: number,
): void {
  let h = 0
  for (const subject of subjects) {
    const entries = hold[h++] ?? 0
    for (let entry = 0; entry < entries; entry += 1, h += ENTRY) {
      const limitId = hold[h] ?? 0
      const kind = hold[h + 3]
      if (kind !== KIND.stored && kind !== KIND.objects) continue
      addAmount(sums, { subject, limitId, amount: kind === KIND.stored ? sizeBytes : 1 })
    }
  }
}

/** Adds an amount to the sum of its total. */
export function addAmount(sums: StoredSums, { subject, limitId, amount }: StoredSum): void {
  const name = totalName({ subject, limitId })
  sums.set(name, { subject, limitId, amount: (sums.get(name)?.amount ?? 0) + amount })
}

/**
 * Where objects of all buckets can be, or those of one: a place that lies within another's prefix would
 * be counted twice.
 */
export function placementsOf(
  { buckets }: Pick<Config, 'buckets'>,
  only?: string,
): readonly Placement[] {
  const all = [...buckets]
    .filter(([name]) => only === undefined || name === only)
    .flatMap(([, { placements }]) => placements)
  return all.filter(
    (placement, at) =>
      !all.some(
        (other, before) =>
          other.store.name === placement.store.name &&
          other.bucket === placement.bucket &&
          placement.prefix.startsWith(other.prefix) &&
          (other.prefix.length < placement.prefix.length || before < at),
      ),
  )
}
