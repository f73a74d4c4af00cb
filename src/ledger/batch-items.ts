import type { AdmitCommand, BatchItem, FinishCommand, ReserveCommand } from './port.ts'

/** What a reserve makes records for, in their order: the items of a batch, or the command itself. */
export function batchItems(command: ReserveCommand): readonly BatchItem[] {
  return command.each ?? [command]
}

/** Rids of a batch behind its first, in its order; none of any other command. */
export function otherRids(command: AdmitCommand | FinishCommand): readonly string[] {
  if (command.op !== 'R' || command.each === undefined) return NONE
  return command.each.slice(1).map(({ rid }) => rid)
}

const NONE: readonly string[] = []
