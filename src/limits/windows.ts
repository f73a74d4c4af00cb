import type { QuotaWindow } from './plan.ts'

/** A calendar window: from `startMs`, to just before `endMs`. Its id is its start in minutes. */
export interface CalendarWindow {
  readonly id: number
  readonly startMs: number
  readonly endMs: number
}

/** An IANA name, or one that another zone came before. */
export type Zone = string | ChangedZone

/** A change of zone in the life of a tenant. */
export interface ChangedZone {
  /** IANA name, from the change on. */
  readonly zone: string
  readonly before: Zone
  readonly changedAtMs: number
}

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
const MAX_CACHED = 1_000

const current = new Map<string, CalendarWindow>()
const currentAfterChange = new WeakMap<ChangedZone, Map<ZonedWindow, CalendarWindow>>()

type ZonedWindow = Exclude<QuotaWindow, 'minute' | 'hour'>

/**
 * The window that `nowMs` lies in. Minutes and hours are UTC; days, weeks (from Monday) and months
 * begin at midnight in the zone, so a day may have 23 or 25 hours. Windows follow each other without a
 * gap. The one that runs when a zone changes lasts to the new zone's first boundary at or after its
 * old end: nobody gains a window. Throws `RangeError` for an unknown zone.
 */
export function windowAt(window: QuotaWindow, zone: Zone, nowMs: number): CalendarWindow {
  if (window === 'minute') return fixedWindow(MINUTE_MS, nowMs)
  if (window === 'hour') return fixedWindow(HOUR_MS, nowMs)
  if (typeof zone !== 'string') return windowAfterChange(window, zone, nowMs)
  const name = `${window} ${zone}`
  const known = current.get(name)
  if (contains(known, nowMs)) return known
  const found = zonedWindow(window, zone, nowMs)
  if (current.size >= MAX_CACHED) current.clear()
  current.set(name, found)
  return found
}

function windowAfterChange(window: ZonedWindow, change: ChangedZone, nowMs: number) {
  const cache = currentAfterChange.get(change) ?? new Map<ZonedWindow, CalendarWindow>()
  const known = cache.get(window)
  if (contains(known, nowMs)) return known
  const found = findAfterChange(window, change, nowMs)
  currentAfterChange.set(change, cache.set(window, found))
  return found
}

function findAfterChange(
  window: ZonedWindow,
  { zone, before, changedAtMs }: ChangedZone,
  nowMs: number,
): CalendarWindow {
  const running = windowAt(window, before, changedAtMs)
  if (nowMs < running.startMs) return windowAt(window, before, nowMs)
  const next = windowAt(window, zone, running.endMs)
  const endMs = next.startMs === running.endMs ? running.endMs : next.endMs
  return nowMs < endMs ? { ...running, endMs } : windowAt(window, zone, nowMs)
}

function contains(window: CalendarWindow | undefined, nowMs: number): window is CalendarWindow {
  return window !== undefined && window.startMs <= nowMs && nowMs < window.endMs
}

function fixedWindow(lengthMs: number, nowMs: number): CalendarWindow {
  const startMs = Math.floor(nowMs / lengthMs) * lengthMs
  return { id: startMs / MINUTE_MS, startMs, endMs: startMs + lengthMs }
}

function zonedWindow(window: ZonedWindow, timeZone: string, nowMs: number): CalendarWindow {
  const zone = zoneOf(timeZone)
  const local = new Date(nowMs + offsetMs(zone, nowMs))
  const step = (by: number) => localStart(window, local, by)
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

/** First date of the window that lies `by` windows after that of `local`; local time written as UTC. */
function localStart(window: ZonedWindow, local: Date, by: number): number {
  const [year, month, date] = [local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()]
  if (window === 'month') return Date.UTC(year, month + by, 1)
  if (window === 'day') return Date.UTC(year, month, date + by)
  const sinceMonday = (local.getUTCDay() + 6) % 7
  return Date.UTC(year, month, date - sinceMonday + 7 * by)
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
