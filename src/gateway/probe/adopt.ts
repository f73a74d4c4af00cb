import type { ProbeReport } from '../../stores/probe-report.ts'
import type { Placement } from '../../stores/store.ts'
import type { GatewayContext } from '../context.ts'
import { probePlacements } from '../store-truth.ts'
import { isLookedAtAlike } from './record.ts'

/**
 * Goes by a report from now on. One of settings that the store no longer has says nothing of it any
 * more: then the answer is false.
 */
export function adoptIfCurrent(
  { storeTruth }: Pick<GatewayContext, 'storeTruth'>,
  placement: Placement,
  report: ProbeReport,
): boolean {
  const current = probePlacements(storeTruth.configured, placement.store.name)
  if (!current.some((each) => isLookedAtAlike(each, placement))) return false
  storeTruth.adopt(report)
  return true
}
