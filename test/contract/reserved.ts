import { expect } from 'vitest'
import type { Ledger, ReserveCommand } from '../../src/ledger/port.ts'
import { type Wanted, wanted } from './ledger-commands.ts'

/** Reserves what must be let in, and returns the command. */
export async function reserved(
  { ledger }: { ledger: Ledger },
  options: Wanted,
): Promise<ReserveCommand> {
  const command = wanted(options)
  expect(await ledger.admit(command)).toMatchObject({ code: 'OK' })
  return command
}
