import type { QuotaWindow } from './plan.ts'

/** A calendar window: from `startMs`, to just before `endMs`. Its id is its start in minutes. */
export interface CalendarWindow {
  readonly id: number
  readonly startMs: number
  readonly endMs: number
}

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
const MAX_CACHED = 1_000

const current = new Map<string, CalendarWindow>()

/**
 * The window that `nowMs` lies in. Minutes and hours are UTC; days and months begin at midnight in
 * `timeZone` (IANA), so a day may have 23 or 25 hours. Windows follow each other without a gap.
 * Throws `RangeError` for an unknown zone.
 */
export function windowAt(window: QuotaWindow, timeZone: string, nowMs: number): CalendarWindow {
  if (window === 'minute') return fixedWindow(MINUTE_MS, nowMs)
  if (window === 'hour') return fixedWindow(HOUR_MS, nowMs)
  const name = `${window} ${timeZone}`
  const known = current.get(name)
  if (known !== undefined && known.startMs <= nowMs && nowMs < known.endMs) return known
  const found = zonedWindow(window, timeZone, nowMs)
  if (current.size >= MAX_CACHED) current.clear()
  current.set(name, found)
  return found
}

function fixedWindow(lengthMs: number, nowMs: number): CalendarWindow {
  const startMs = Math.floor(nowMs / lengthMs) * lengthMs
  return { id: startMs / MINUTE_MS, startMs, endMs: startMs + lengthMs }
}

function zonedWindow(window: 'day' | 'month', timeZone: string, nowMs: number): CalendarWindow {
  const zone = zoneOf(timeZone)
  const local = new Date(nowMs + offsetMs(zone, nowMs))
  const step = (by: number) =>
    window === 'day'
      ? Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate() + by)
      : Date.UTC(local.getUTCFullYear(), local.getUTCMonth() + by, 1)
  // Where a clock is set back across midnight the local date is ambiguous; boundaries decide.
  for (const by of [-1, 0, 1]) {
    const startMs = midnightMs(zone, step(by))
    const endMs = midnightMs(zone, step(by + 1))
    // Midnight falls between two minutes nowhere on Earth today; an id is whole all the same.
    const id = Math.floor(startMs / MINUTE_MS)
    if (startMs <= nowMs && nowMs < endMs) return { id, startMs, endMs }
  }
  throw new RangeError(`Cannot find the ${window} of ${nowMs} in "${timeZone}"`)
}

/**
 * The instant at which the local date `localMs` begins: a function of the date alone. Where midnight
 * is skipped it is the first instant after the gap, in whole minutes.
 */
function midnightMs(zone: Intl.DateTimeFormat, localMs: number): number {
  const before = offsetMs(zone, localMs - DAY_MS)
  const after = offsetMs(zone, localMs + DAY_MS)
  const early = localMs - Math.max(before, after)
  const late = localMs - Math.min(before, after)
  if (early + offsetMs(zone, early) === localMs) return early
  if (late + offsetMs(zone, late) === localMs) return late
  // Midnight does not exist: find the minute from which on the local time is past it.
  let low = early
  let high = late
  while (high - low > MINUTE_MS) {
    const middle = low + Math.floor((high - low) / 2 / MINUTE_MS) * MINUTE_MS
    if (middle + offsetMs(zone, middle) >= localMs) high = middle
    else low = middle
  }
  return high
}

/** What to add to UTC for local time, in milliseconds, at an instant. */
function offsetMs(zone: Intl.DateTimeFormat, atMs: number): number {
  const parts: Record<string, number> = {}
  for (const { type, value } of zone.formatToParts(atMs)) parts[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
  const local = Date.UTC(year, month - 1, day, hour, minute, second)
  return local - Math.floor(atMs / 1000) * 1000
}

const zones = new Map<string, Intl.DateTimeFormat>()

function zoneOf(timeZone: string): Intl.DateTimeFormat {
  const known = zones.get(timeZone)
  if (known !== undefined) return known
  const zone = new Intl.DateTimeFormat('en-u-ca-iso8601-hc-h23', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
  if (zones.size >= MAX_CACHED) zones.clear()
  zones.set(timeZone, zone)
  return zone
}
