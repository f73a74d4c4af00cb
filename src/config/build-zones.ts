import type { Zone } from '../limits/windows.ts'
import { parseInstant } from './parse-instant.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import type { TenantInput } from './schema-tenants.ts'

/** `timeZone` and `formerTimeZones`. Reports zones and instants that are none, or out of order. */
export function buildZones(
  { timeZone, formerTimeZones }: Pick<TenantInput, 'timeZone' | 'formerTimeZones'>,
  path: Path,
  report: Report,
): Zone {
  checkZone(timeZone, [...path, 'timeZone'], report)
  let zones: Zone | undefined
  let changedAtMs = Number.NEGATIVE_INFINITY
  formerTimeZones.forEach(({ zone, until }, index) => {
    const at: Path = [...path, 'formerTimeZones', index]
    checkZone(zone, [...at, 'zone'], report)
    if (zone === (formerTimeZones[index + 1]?.zone ?? timeZone)) {
      report.problem([...at, 'zone'], 'must differ from the zone that came after it')
    }
    const before: Zone = zones === undefined ? zone : { zone, before: zones, changedAtMs }
    const untilMs = parseInstant(until)
    if (untilMs === undefined) {
      report.problem([...at, 'until'], 'must be an instant like 2026-12-01T00:00:00Z')
    } else {
      if (untilMs <= changedAtMs) {
        report.problem([...at, 'until'], 'must be later than that of the zone before')
      }
      changedAtMs = untilMs
    }
    zones = before
  })
  return zones === undefined ? timeZone : { zone: timeZone, before: zones, changedAtMs }
}

function checkZone(name: string, path: Path, report: Report): void {
  if (isTimeZone(name)) return
  report.problem(path, 'is no time zone that is known here, like Europe/Berlin')
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== ''
  } catch {
    return false
  }
}
