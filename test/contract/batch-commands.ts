import type { ReserveCommand } from '../../src/ledger/port.ts'
import { type Asked, holdOf, reserve } from './reservation-commands.ts'

/** Ids of a batch, `up_0` and on. */
export function ridsOf(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `up_${n}`)
}

/** The note of a batch's reservation, by its place. */
export function noteOf(place: number): string {
  return `{"n":${place}}`
}

/** A batch in which `askedOf` gives what each is asked for: the same limits, amounts of its own. */
export function reserveBatch(
  rids: readonly string[],
  askedOf: (place: number) => readonly Asked[],
  more: Parameters<typeof reserve>[2] = {},
): ReserveCommand {
  const asked = rids.map((_, place) => askedOf(place))
  const each = rids.map((rid, place) => {
    return { rid, hold: holdOf(asked[place] ?? []), note: noteOf(place) }
  })
  return { ...reserve(rids[0] ?? '', sumOf(asked), more), each }
}

/** What all of them are asked for together. */
export function sumOf(asked: readonly (readonly Asked[])[]): Asked[] {
  const [first = []] = asked
  return first.map(({ subject, rates = [], quotas = [] }, share) => ({
    subject,
    rates: rates.map((rate, at) => ({
      ...rate,
      incUs: added(asked, (one) => one[share]?.rates?.[at]?.incUs),
    })),
    quotas: quotas.map((quota, at) => ({
      ...quota,
      amount: added(asked, (one) => one[share]?.quotas?.[at]?.amount),
    })),
  }))
}

function added(
  asked: readonly (readonly Asked[])[],
  numberOf: (one: readonly Asked[]) => number | undefined,
): number {
  return asked.reduce((sum, one) => sum + (numberOf(one) ?? 0), 0)
}
