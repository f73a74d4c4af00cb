import { GatewayError } from '../errors.ts'
import {
  AUDIT_FILTERS,
  type AuditEvent,
  type AuditPage,
  type AuditQuery,
  MAX_AUDIT_PAGE,
} from './port.ts'

/** One record as it was kept. */
export interface KeptRecord {
  /** Where reading goes on behind it. */
  readonly position: string
  /** An event as JSON, or whatever else lies there. */
  readonly text: string
}

/** A stretch of the log, newest first. */
export interface Stretch {
  readonly records: readonly KeptRecord[]
  /** Where the next one begins; absent at the end of the log, or of what the query is about. */
  readonly next?: string
}

/** Reads the stretch behind a position, or the first one; bounded. */
export type ReadBack = (after: string | undefined) => Promise<Stretch>

/**
 * Goes back through a log until a page is full or `maxStretches` have been read. What is no event is passed
 * over: a sink that failed may have kept half of one.
 */
export async function readPage(
  query: AuditQuery,
  { readBack, maxStretches }: { readonly readBack: ReadBack; readonly maxStretches: number },
): Promise<AuditPage> {
  if (!Number.isInteger(query.limit) || query.limit < 1 || query.limit > MAX_AUDIT_PAGE) {
    throw new RangeError(`Cannot query the audit log: limit ${query.limit}`)
  }
  const { parseAuditEvent } = await import('./event-schema.ts')
  const events: AuditEvent[] = []
  let after = query.after
  for (let read = 0; read < maxStretches; read += 1) {
    const { records, next } = await readBack(after)
    const last = records.at(-1)
    for (const record of records) {
      const value = jsonOf(record.text)
      // Most records are others': only what matches is looked at as a whole.
      if (value === undefined || !matches(value, query)) continue
      const event = parseAuditEvent(value)
      if (event === undefined) continue
      events.push(event)
      if (events.length < query.limit) continue
      const end = record === last ? next : record.position
      return { events, ...(end !== undefined && { next: end }) }
    }
    if (next === undefined) return { events }
    after = next
  }
  return { events, ...(after !== undefined && { next: after }) }
}

function jsonOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

function matches(value: Record<string, unknown>, query: AuditQuery): boolean {
  return (
    AUDIT_FILTERS.every((name) => query[name] === undefined || value[name] === query[name]) &&
    isWithin(momentOf(value.at), query.sinceMs, query.untilMs)
  )
}

function isWithin(atMs: number, sinceMs = -Infinity, untilMs = Infinity): boolean {
  return atMs >= sinceMs && atMs < untilMs
}

/** `at` in milliseconds; not a number for what is none. */
export function momentOf(at: unknown): number {
  return typeof at === 'string' ? Date.parse(at) : Number.NaN
}

/** When an event as JSON happened, in milliseconds; not a number for what is no event. */
export function momentOfText(text: string): number {
  return momentOf(jsonOf(text)?.at)
}

/** For an `after` that no page of this log has ended with. */
export function noSuchPosition(): GatewayError {
  return new GatewayError('InvalidRequest', 'Cannot query the audit log: it has no such position', {
    fields: [{ path: 'cursor', message: 'is not a cursor of this log' }],
  })
}

/** For a log that does not answer. */
export function auditUnavailable(cause: unknown): GatewayError {
  return new GatewayError('AuditUnavailable', 'Cannot query the audit log: no answer', { cause })
}

/** For a log that is written and never read. */
export function notReadable(where: string): GatewayError {
  return new GatewayError('NoSuchRoute', `Cannot query the audit log: it goes to ${where}`)
}
