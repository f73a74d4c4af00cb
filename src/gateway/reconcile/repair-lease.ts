import { GatewayError } from '../../errors.ts'
import type { GatewayContext } from '../context.ts'

/** What keeps other runs from putting totals right at the same time. */
export interface RepairLease {
  /** Called right before something is put right. Throws `Overloaded` when another run has taken over. */
  renew(): Promise<void>
  /** Never throws: a lease ends by itself. */
  giveBack(): Promise<void>
}

const NAME = 'reconcile-repair/all'
/** How long a run that died keeps others away, in milliseconds. */
const LEASE_MS = 120_000

/**
 * Takes the one lease of all runs that repair, before totals are read: two of them that had read the same
 * drift would both post it. Throws `Overloaded` while another run has it, `LedgerUnavailable`.
 */
export async function takeRepairLease(
  context: Pick<GatewayContext, 'ledgerTime' | 'log' | 'state'>,
  run: string,
): Promise<RepairLease> {
  const { ledgerTime, log, state } = context
  const standing = await state.get(NAME)
  const [holder = '', until = '0'] = standing?.value.split(' ') ?? []
  if (holder !== run && ledgerTime.nowMs() < Number(until)) throw repairedByAnother()
  let version = standing?.version ?? 0
  let untilMs = 0

  async function write(): Promise<void> {
    untilMs = Math.floor(ledgerTime.nowMs()) + LEASE_MS
    const written = await state.put({ name: NAME, value: `${run} ${untilMs}`, ifVersion: version })
    if (written === undefined) throw repairedByAnother()
    version = written
  }

  await write()
  return {
    async renew() {
      if (ledgerTime.nowMs() >= untilMs - LEASE_MS / 2) await write()
    },
    async giveBack() {
      await state.remove(NAME, version).catch((error: unknown) => {
        log.warn('reconcile.lease_left', { run, error })
      })
    },
  }
}

function repairedByAnother(): GatewayError {
  return new GatewayError('Overloaded', 'Cannot reconcile: another run puts totals right')
}
