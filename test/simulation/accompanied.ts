import type { Ledger, ReserveCommand } from '../../src/ledger/port.ts'
import { wrapped } from './mutants.ts'

const MOST_COMPANIONS = 3

/**
 * A gateway's ledger that reserves many a put as the first of a batch: the others are uploads that
 * nobody ever sends. Which, and how many, is for the id to say, so that a replay asks for the same.
 */
export function accompanied(ledger: Ledger): Ledger {
  return wrapped(ledger, {
    admit: (command) => ledger.admit(command.op === 'R' ? batchOf(command) : command),
  })
}

function batchOf(command: ReserveCommand): ReserveCommand {
  const { rid, hold, note, subjects } = command
  // Nobody but one may hold the lock of an object; a credit is none of many.
  if (!rid.startsWith('up_') || subjects.some((subject) => subject.startsWith('o'))) return command
  const companions = Array.from({ length: companionsOf(rid) }, (_, n) => `${rid}-${n}`)
  const rids = [rid, ...companions]
  return {
    ...times(command, rids.length),
    each: rids.map((name) => ({ rid: name, hold, note })),
  }
}

function companionsOf(rid: string): number {
  return [...rid].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % (MOST_COMPANIONS + 1)
}

/** Amounts and costs of as many. */
function times(command: ReserveCommand, count: number): ReserveCommand {
  const hold = [...command.hold]
  const check = [...command.check]
  let c = 2
  let h = 0
  for (const _ of command.subjects) {
    const rates = check[c] ?? 0
    for (let at = c + 2; at < c + 1 + 3 * rates; at += 3) check[at] = count * (check[at] ?? 0)
    const quotas = hold[h] ?? 0
    for (let at = h + 3; at < h + 1 + 4 * quotas; at += 4) hold[at] = count * (hold[at] ?? 0)
    c += 1 + 3 * rates + quotas
    h += 1 + 4 * quotas
  }
  return { ...command, hold, check }
}
