import type { BatchAsk, Share } from './ledger-model.ts'

/** A size in as many parts, the larger ones first; they add up to it. */
export function partsOf(size: number, count: number): number[] {
  return Array.from({ length: count }, (_, n) => Math.floor((size + count - 1 - n) / count))
}

/** What all of a batch ask for together: costs and amounts add up, the rest is the same in each. */
export function sharesOf(batch: readonly BatchAsk[]): readonly Share[] {
  const [first, ...others] = batch.map(({ shares }) => shares)
  if (first === undefined) return []
  return others.reduce((sum, shares) => sum.map((share, at) => added(share, shares[at])), first)
}

function added(share: Share, more: Share | undefined): Share {
  const { subject, rates, claims } = share
  return {
    subject,
    rates: rates.map((rate, at) => ({
      ...rate,
      costUs: rate.costUs + (more?.rates[at]?.costUs ?? 0),
    })),
    claims: claims.map((claim, at) => ({
      ...claim,
      amount: claim.amount + (more?.claims[at]?.amount ?? 0),
    })),
  }
}
