import type { AdmitCommand } from '../../src/ledger/port.ts'

/** A request that was let in, as a rate counts it. */
export interface Spent {
  readonly name: string
  readonly atUs: number
  readonly costUs: number
  lost: boolean
}

interface Bucket {
  /** Since the bucket was last empty, oldest first. */
  spent: Spent[]
  levelUs: number
  lastUs: number
}

/**
 * I8, as a leaky bucket: what was let in fits the burst, emptied by the time that the ledger's clock
 * shows. The ledger itself has GCRA.
 */
export class RateBooks {
  readonly #buckets = new Map<string, Bucket>()

  /** Takes a command that was let in at the ledger's `nowMs`. */
  spend(command: AdmitCommand, nowMs: number, over: (detail: string) => void): Spent[] {
    const { check, hold, subjects } = command
    const all: Spent[] = []
    let c = 2
    let h = 0
    for (const subject of subjects) {
      const rates = check[c] ?? 0
      c += 1
      for (let rate = 0; rate < rates; rate += 1, c += 3) {
        const [id = 0, costUs = 0, burstUs = 0] = [check[c], check[c + 1], check[c + 2]]
        if (costUs === 0) continue
        const spent = { name: `${subject} ${id}`, atUs: nowMs * 1000, costUs, lost: false }
        all.push(spent)
        const level = this.#add(spent)
        if (level > burstUs) over(`${spent.name}: ${level} µs of ${burstUs} are spent`)
      }
      const quotas = hold[h] ?? 0
      h += 1 + 4 * quotas
      c += quotas
    }
    return all
  }

  /** A failover has lost these. */
  forget(lost: readonly Spent[]): void {
    const names = new Set<string>()
    for (const spent of lost) {
      spent.lost = true
      names.add(spent.name)
    }
    for (const name of names) {
      const kept = (this.#buckets.get(name)?.spent ?? []).filter((spent) => !spent.lost)
      this.#buckets.delete(name)
      for (const spent of kept) this.#add(spent)
    }
  }

  #add(spent: Spent): number {
    let bucket = this.#buckets.get(spent.name)
    if (bucket === undefined) {
      bucket = { spent: [], levelUs: 0, lastUs: spent.atUs }
      this.#buckets.set(spent.name, bucket)
    }
    bucket.levelUs = Math.max(0, bucket.levelUs - Math.max(0, spent.atUs - bucket.lastUs))
    if (bucket.levelUs === 0) bucket.spent = []
    bucket.levelUs += spent.costUs
    bucket.lastUs = spent.atUs
    bucket.spent.push(spent)
    return bucket.levelUs
  }
}
