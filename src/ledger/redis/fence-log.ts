import type { Logger } from '../../log.ts'
import type { PartitionFence } from './fence.ts'

const WHY = {
  unknown: 'nobody has looked yet whether its data is all there',
  moving: 'its slot is on its way to another server',
  missing: 'its data is gone or was never there: run "signet ledger init"',
  gone: 'its data is gone: see "signet ledger init --accept-loss"',
  foreign: 'is no canary: another program wrote the key',
  lost: 'acknowledged reservations are gone: see "signet ledger init --accept-loss"',
  older: 'its data is older than what was seen: see "signet ledger init --accept-loss"',
} as const

/** Why nothing is decided there, for people, with the command that heals it. */
export function whyFenced(place: PartitionFence): string {
  return place.state === 'closed' ? WHY[place.why] : 'what was lost is being put back'
}

/** Tells the log of a server's fence. */
export interface FenceLog {
  /** After each look at the canaries: a line when something has changed, not one a look. */
  looked(fences: readonly PartitionFence[]): void
}

/** `ledger.fenced` when partitions close or close for another reason, `ledger.open` when all are open. */
export function createFenceLog(log: Logger, server: string): FenceLog {
  let told = ''
  return {
    looked(fences) {
      const fenced = fences.filter(({ state }) => state !== 'open')
      const why = [...new Set(fenced.map(whyFenced))].join('; ')
      if (why === told) return
      if (why === '') log.info('ledger.open', { server })
      else log.error('ledger.fenced', { server, why, partitions: fenced.length })
      told = why
    },
  }
}
