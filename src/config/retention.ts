import type { ConfiguredBucket, LedgerSettings } from './config.ts'
import { quote } from './problem.ts'
import type { Report } from './report.ts'

/** Between the end of the last transfer and that of its reservation, and of the journal's entry. */
const SPARE_SECONDS = 120
const DEFAULT_HOURS = 24

/**
 * `ledger.retentionHours` when nobody has set it: 24, and with a journal as much more as uploads to these
 * buckets may take.
 */
export function usualRetention(
  durability: LedgerSettings['durability'],
  buckets: Iterable<ConfiguredBucket>,
): number {
  if (durability !== 'async') return DEFAULT_HOURS
  return Math.max(DEFAULT_HOURS, ...Array.from(buckets, hoursNeeded))
}

/**
 * Warns of buckets whose uploads can outlive the ledger's memory of ended ones. What is older than that
 * a journal does not put back, as it may have ended and been forgotten, and would count twice.
 */
export function checkRetention(
  { durability, retentionHours }: Pick<LedgerSettings, 'durability' | 'retentionHours'>,
  buckets: Iterable<ConfiguredBucket>,
  report: Report,
): void {
  if (durability !== 'async') return
  for (const bucket of buckets) {
    const needed = hoursNeeded(bucket)
    if (needed <= retentionHours) continue
    report.warn(
      ['ledger', 'retentionHours'],
      `is shorter than uploads to ${quote(bucket.name)} may take, so that a failover may lose some: ${needed} is enough`,
    )
  }
}

/** Parts wait for no transfer: an abort ends them. */
function hoursNeeded({ upload, placements }: ConfiguredBucket): number {
  const stores = placements.map(({ store }) => store)
  const urlSeconds =
    upload.expiresInSecondsMax + Math.max(...stores.map((store) => store.maxTransferSeconds))
  const hasParts = stores.some(({ capabilities }) => capabilities.multipart !== 'no')
  const partsSeconds = hasParts ? upload.multipartLifetimeSeconds : 0
  return Math.ceil((Math.max(urlSeconds, partsSeconds) + SPARE_SECONDS) / 3_600)
}
