import type { CallerRegionRules } from '../auth/caller-region.ts'
import { type Networks, parseNetworks } from '../network.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import type { ServerInput } from './schema-server.ts'

/** `server.callerRegion`. Reports networks that are none, and a header that nobody could be believed about. */
export function buildCallerRegion(
  { header, networks }: ServerInput['callerRegion'],
  { hasProxies, report }: { readonly hasProxies: boolean; readonly report: Report },
): CallerRegionRules {
  const path: Path = ['server', 'callerRegion']
  if (header !== undefined && !hasProxies) {
    report.problem([...path, 'header'], 'needs trustedProxies: nobody else is believed')
  }
  const named = Object.entries(networks).map(([region, list]): [string, Networks] => [
    region,
    list.flatMap((text, index) => networksOf(text, [...path, 'networks', region, index], report)),
  ])
  return { ...(header !== undefined && { header }), networks: new Map(named) }
}

function networksOf(text: string, path: Path, report: Report): Networks {
  try {
    return parseNetworks([text])
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    report.problem(path, error.message)
    return []
  }
}
