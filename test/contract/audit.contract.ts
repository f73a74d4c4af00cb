import { describe, expect, it } from 'vitest'
import {
  AUDIT_FILTERS,
  type Audit,
  type AuditEvent,
  type AuditPage,
  type AuditQuery,
} from '../../src/audit/port.ts'
import { toTimestamp } from '../../src/clock.ts'
import { until } from '../support/until.ts'

/** How a contract wants its log. */
export interface AuditWanted {
  /** Events that it keeps while its sink fails. */
  readonly maxBuffered: number
}

/** A log and its sink. */
export interface AuditUnderTest {
  readonly audit: Audit
  /** Another gateway's over the same place; absent where each has its own. */
  readonly other?: Audit
  /** Makes the sink fail, and work again. */
  fail(): Promise<void>
  heal(): Promise<void>
  /** Closes the logs, too. */
  close(): Promise<void>
}

const START_MS = Date.UTC(2026, 0, 15, 12)
const PAGES = 100

/** What every driver of the port promises. The place is empty each time. */
export function auditContract(
  name: string,
  open: (wanted: AuditWanted) => Promise<AuditUnderTest>,
): void {
  async function within(use: (opened: AuditUnderTest) => Promise<void>): Promise<void> {
    const opened = await open({ maxBuffered: 3 })
    try {
      await use(opened)
    } finally {
      await opened.close()
    }
  }

  describe(`the audit contract, ${name}`, () => {
    it('finds every member of an event again, whatever its texts hold', () =>
      within(async ({ audit }) => {
        await audit.append(EVERYTHING)
        expect(await audit.query({ limit: 10 })).toEqual({ events: [EVERYTHING] })
        for (const name of AUDIT_FILTERS) {
          const found = await audit.query({ [name]: EVERYTHING[name], limit: 1 })
          expect(found).toEqual({ events: [EVERYTHING] })
          // No part of it, and nobody else's.
          for (const other of ['x', EVERYTHING[name]?.slice(0, -1)]) {
            expect(await audit.query({ [name]: other, limit: 1 })).toEqual({ events: [] })
          }
        }
        const all = Object.fromEntries(AUDIT_FILTERS.map((name) => [name, EVERYTHING[name]]))
        expect(await audit.query({ ...all, limit: 1 })).toEqual({ events: [EVERYTHING] })
        expect(await audit.query({ ...all, keyId: 'k2', limit: 1 })).toEqual({ events: [] })
      }))

    it('finds nothing in an empty log', () =>
      within(async ({ audit }) => {
        expect(await audit.query({ limit: 1_000 })).toEqual({ events: [] })
      }))

    it('finds by tenant, user, bucket, event and time, newest first, and nothing else', () =>
      within(async ({ audit }) => {
        const events = [
          eventAt(0, { tenant: 'acme', user: 'alice', bucket: 'media' }),
          eventAt(1, { tenant: 'acme', user: 'bob', bucket: 'media' }),
          eventAt(2, { tenant: 'globex', user: 'alice', bucket: 'media' }),
          eventAt(3, { tenant: 'acme', user: 'alice', bucket: 'other', event: 'upload.settled' }),
          eventAt(4, { event: 'ledger.repaired' }),
          eventAt(5, { tenant: 'acm', user: 'e', bucket: 'media' }),
        ]
        for (const event of events) await audit.append(event)
        const found = async (query: Omit<AuditQuery, 'limit'>) =>
          (await audit.query({ ...query, limit: 100 })).events.map(secondOf)
        expect(await found({})).toEqual([5, 4, 3, 2, 1, 0])
        expect(await found({ tenant: 'acme' })).toEqual([3, 1, 0])
        expect(await found({ tenant: 'acme', user: 'alice' })).toEqual([3, 0])
        expect(await found({ user: 'alice' })).toEqual([3, 2, 0])
        expect(await found({ bucket: 'media' })).toEqual([5, 2, 1, 0])
        expect(await found({ event: 'ledger.repaired' })).toEqual([4])
        expect(await found({ tenant: 'acme', bucket: 'other', event: 'upload.settled' })).toEqual([
          3,
        ])
        expect(await found({ tenant: 'acme', event: 'upload.expired' })).toEqual([])
        expect(await found({ tenant: 'ACME' })).toEqual([])
        expect(await found({ sinceMs: momentAt(3) })).toEqual([5, 4, 3])
        expect(await found({ sinceMs: momentAt(3) + 1 })).toEqual([5, 4])
        expect(await found({ untilMs: momentAt(3) })).toEqual([2, 1, 0])
        expect(await found({ untilMs: momentAt(3) + 1 })).toEqual([3, 2, 1, 0])
        const within3 = { sinceMs: momentAt(1), untilMs: momentAt(4) }
        expect(await found(within3)).toEqual([3, 2, 1])
        expect(await found({ tenant: 'acme', user: 'alice', ...within3 })).toEqual([3])
        expect(await found({ sinceMs: momentAt(4), untilMs: momentAt(4) })).toEqual([])
      }))

    it('gives pages that have each event once, while others are recorded', () =>
      within(async ({ audit }) => {
        // Two of each second: a page may end between them.
        const events = Array.from({ length: 23 }, (_, index) =>
          eventAt(Math.floor(index / 2), {
            tenant: index % 4 === 3 ? 'globex' : 'acme',
            parts: index,
          }),
        )
        await Promise.all(events.map((event) => audit.append(event)))
        const pages = await pagesOf(audit, { tenant: 'acme', limit: 5 }, () =>
          audit.append(eventAt(100, { tenant: 'acme' })),
        )
        const parts = pages.flatMap((page) => page.map(({ parts: n }) => n))
        const expected = events.filter(({ tenant }) => tenant === 'acme').map(({ parts: n }) => n)
        expect(parts).toEqual(expected.reverse())
        expect(pages.map(({ length }) => length).filter((length) => length > 0)).toEqual([
          5, 5, 5, 3,
        ])
      }))

    it('says that a page is the last one when it is full and nothing is left', () =>
      within(async ({ audit }) => {
        for (const second of [0, 1, 2]) await audit.append(eventAt(second, {}))
        expect(await audit.query({ limit: 3 })).not.toHaveProperty('next')
        expect(await audit.query({ limit: 4 })).not.toHaveProperty('next')
        const first = await audit.query({ limit: 2 })
        expect(first.events).toHaveLength(2)
        const last = await audit.query({ limit: 2, after: first.next ?? '' })
        expect(last).toEqual({ events: [eventAt(0, {})] })
      }))

    it('400: takes no position that is not one of its own', () =>
      within(async ({ audit }) => {
        await audit.append(eventAt(0, {}))
        for (const after of [
          '',
          'x',
          '1',
          ':',
          '-',
          "' OR 1=1 --",
          '1:-1',
          `${'9'.repeat(30)}:1`,
        ]) {
          await expect(audit.query({ limit: 1, after })).rejects.toMatchObject({
            code: 'InvalidRequest',
          })
        }
      }))

    it('keeps what many append at once, each once', () =>
      within(async ({ audit, other = audit }) => {
        const indices = Array.from({ length: 200 }, (_, index) => index)
        await Promise.all(
          indices.map((parts) => (parts % 2 === 0 ? audit : other).append(eventAt(0, { parts }))),
        )
        const { events } = await other.query({ limit: 1_000 })
        expect(events.map(({ parts }) => parts ?? -1).sort((a, b) => a - b)).toEqual(indices)
      }))

    it('R23: a bounded buffer while the sink fails, then refusals, then all in order', () =>
      within(async ({ audit, fail, heal }) => {
        await audit.append(eventAt(0, {}))
        await fail()
        for (const second of [1, 2, 3]) await audit.append(eventAt(second, {}))
        const refused = [4, 5].map((second) => audit.append(eventAt(second, {})))
        for (const attempt of refused) {
          await expect(attempt).rejects.toMatchObject({
            code: 'Overloaded',
            message: 'Cannot record the request: the audit log is full',
          })
        }
        await heal()
        // A driver may leave a failed server alone for a moment.
        await until('the sink is used again', () => audit.append(eventAt(6, {})).then(() => true))
        const all = async () => {
          const { events } = await audit.query({ limit: 100 })
          return events.length >= 5 && events
        }
        const events = await until('all are there', all)
        expect(events.map(secondOf)).toEqual([6, 3, 2, 1, 0])
      }))
  })
}

/** All pages of a query, one after the other. */
export async function pagesOf(
  audit: Audit,
  query: AuditQuery,
  between: () => Promise<void> = async () => {},
): Promise<readonly AuditPage['events'][]> {
  const pages: AuditPage['events'][] = []
  let after: string | undefined
  for (let page = 0; page < PAGES; page += 1) {
    const { events, next } = await audit.query({ ...query, ...(after !== undefined && { after }) })
    pages.push(events)
    if (next === undefined) return pages
    after = next
    await between()
  }
  throw new Error(`there are more than ${PAGES} pages`)
}

/** An event so many seconds after the start. */
export function eventAt(second: number, members: Partial<AuditEvent>): AuditEvent {
  return { event: 'upload.granted', at: toTimestamp(momentAt(second)), ...members }
}

export function momentAt(second: number): number {
  return START_MS + second * 1_000
}

function secondOf({ at }: AuditEvent): number {
  return (Date.parse(at) - START_MS) / 1_000
}

const EVERYTHING: AuditEvent = {
  event: 'admin.changed',
  at: '2026-01-15T12:00:00Z',
  requestId: 'req-1',
  tenant: 'Ω "quoted"',
  user: "o'hara\u2028{}",
  keyId: 'k1',
  issuer: 'idp',
  rule: 'all of it',
  grantHash: '0123456789abcdef',
  admin: 'token',
  action: 'putTenant',
  resource: 'tenants/acme',
  changed: ['plan', 'overrides'],
  values: { plan: 'trial', 'overrides.day.limit': 5, suspended: true, timeZone: null },
  version: 7,
  uploadId: 'up_1',
  bucket: 'media',
  store: 'main',
  storeBucket: 'media-prod',
  origins: ['https://a.example', ''],
  keyHash: 'fedcba9876543210',
  sizeBytes: 0,
  parts: 12,
  code: 'AccessDenied',
  policies: [],
  shadowPolicies: ['a'],
  expiresAt: '2026-01-15T12:05:00Z',
  adjustmentId: 'adj',
  delta: -1,
  reason: 'line\nbreak \u0000 \\ emoji 🙂',
  repaired: { counters: 1, index: 2 },
  reconciled: { run: 'r1', missing: 3 },
}
