import { open } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createJsonLinesAudit } from '../../src/audit/json-lines.ts'
import type { AuditEvent } from '../../src/audit/port.ts'
import { openSqliteAudit } from '../../src/audit/sqlite.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite.ts'
import { createLogger } from '../../src/log.ts'
import { openAudit } from '../../src/runtime/audit-sink.ts'
import { callAdmin } from '../support/admin-call.ts'
import { expectRefused } from '../support/expect-refused.ts'
import {
  openTemporaryDirectory,
  type TemporaryDirectory,
} from '../support/stores/temporary-directory.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, uploadBody } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

let directory: TemporaryDirectory
beforeEach(async () => {
  directory = await openTemporaryDirectory()
})
afterEach(() => directory.close())

const DOWNLOAD = { bucket: 'media', key: 'acme/alice/cat.jpg' }

async function gatewayOnFile() {
  const clock = new TestClock()
  const path = `${directory.path}/ledger.db`
  const database = new DatabaseSync(path)
  const ledger = openSqliteLedger({ database, clock, schedule: (run) => void setImmediate(run) })
  const gateway = await openTestGateway({ clock, overrides: { ledger } })
  return { gateway, database, path, clock }
}

/** What SQLite itself says about a file. */
function integrityOf(path: string): unknown {
  const database = new DatabaseSync(path)
  const answer = database.prepare('PRAGMA integrity_check').get()
  database.close()
  return answer?.integrity_check
}

describe('the ledger’s disk', () => {
  it.each([
    ['is full', 'PRAGMA max_page_count = 1', 'PRAGMA max_page_count = 1000000'],
    ['is read-only', 'PRAGMA query_only = 1', 'PRAGMA query_only = 0'],
  ])(
    'R23 %s: uploads 503, downloads go on, nothing is lost, and it heals',
    async (_, break_, heal) => {
      const { gateway, database, path } = await gatewayOnFile()
      const post = (key: string) => gateway.call('POST', '/v1/uploads', uploadBody({ key }))
      const first = await (await post('acme/alice/first')).json()
      // SQLite raises the limit to what the file has by now: there is no page left.
      database.exec(break_)
      const refusal = { status: 503, code: 'LedgerUnavailable' } as const
      let taken = 0
      let refused = await post('acme/alice/0')
      // Room on pages that are there already may still be used.
      while (refused.status === 201) {
        taken += 1
        refused = await post(`acme/alice/${taken}`)
      }
      await expectRefused(refused, refusal, { gateway })
      const more = await Promise.all([1, 2, 3].map((index) => post(`acme/alice/more-${index}`)))
      for (const answer of more) await expectRefused(answer, refusal)
      expect((await gateway.call('POST', '/v1/downloads', DOWNLOAD)).status).toBe(200)
      expect((await gateway.call('GET', '/v1/objects/media/acme/alice/cat.jpg')).status).toBe(307)
      expect((await gateway.call('GET', `/v1/uploads/${first.id}`)).status).toBe(200)

      database.exec(heal)
      expect((await post('acme/alice/healed')).status).toBe(201)
      const { limits } = await (await gateway.call('GET', '/v1/usage')).json()
      const pending = limits.find(({ policy }: { policy: string }) => policy === 'user-pending')
      expect(pending.pending).toBe(taken + 2)
      await gateway.close()
      expect(integrityOf(path)).toBe('ok')
    },
  )
})

describe('the audit log’s disk', () => {
  it('R23 is full: a bounded buffer, then uploads 503 and downloads go on, until it heals', async () => {
    const full = await open('/dev/full', 'a')
    let write = (text: string) => full.appendFile(text)
    const states: string[] = []
    const audit = createJsonLinesAudit({
      write: (text) => write(text),
      onState: (state) => states.push(state),
      maxBuffered: 100,
      retryMs: 5,
    })
    const gateway = await openTestGateway({ overrides: { audit } })
    const post = (index: number) =>
      gateway.call('POST', '/v1/uploads', uploadBody({ key: `acme/alice/${index}` }))
    // Many at once: the bound holds although each write takes the whole buffer with it.
    for (const from of [0, 60]) {
      const answers = await Promise.all(
        Array.from({ length: 60 }, (_, index) => post(from + index)),
      )
      const granted = answers.filter(({ status }) => status === 201).length
      expect(granted).toBe(from === 0 ? 60 : 40)
      for (const answer of answers) {
        if (answer.status !== 201) await expectRefused(answer, { status: 503, code: 'Overloaded' })
      }
    }
    const refused = await Promise.all(Array.from({ length: 50 }, (_, index) => post(200 + index)))
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([503]))
    const downloads = await Promise.all(
      Array.from({ length: 50 }, () => gateway.call('POST', '/v1/downloads', DOWNLOAD)),
    )
    expect(new Set(downloads.map(({ status }) => status))).toEqual(new Set([200]))
    // What was refused holds nothing.
    const { limits } = await (await gateway.call('GET', '/v1/usage')).json()
    const slots = limits.find(({ policy }: { policy: string }) => policy === 'user-pending')
    expect(slots.pending).toBe(100)

    const written: string[] = []
    write = async (text) => void written.push(text)
    await until('it is tried again', async () => (await post(999)).status === 201)
    const events = written.join('').trim().split('\n')
    expect(events.filter((line) => line.includes('"upload.granted"'))).toHaveLength(101)
    expect(states).toEqual(['failing', 'working'])
    await gateway.close()
    await full.close()
  })

  it('R23 is full, of an audit log in SQLite: grants and changes 503, downloads go on, and it heals', async () => {
    const database = new DatabaseSync(`${directory.path}/audit.db`)
    const clock = new TestClock()
    const schedule = (run: () => void) => void setImmediate(run)
    const audit = openSqliteAudit({ database, clock, schedule, maxBuffered: 5, retryMs: 5 })
    const gateway = await openTestGateway({ clock, overrides: { audit } })
    const post = (index: number) =>
      gateway.call('POST', '/v1/uploads', uploadBody({ key: `acme/alice/${index}` }))
    expect((await post(0)).status).toBe(201)
    database.exec('PRAGMA max_page_count = 1')
    let granted = 1
    let answer = await post(granted)
    // Room on pages that are there already may still be used, and then the buffer.
    while (answer.status === 201) {
      granted += 1
      answer = await post(granted)
    }
    await expectRefused(answer, { status: 503, code: 'Overloaded' }, { gateway })
    const tenant = await callAdmin(gateway, 'PUT', 'tenants/new', { body: { plan: 'test' } })
    await expectRefused(tenant, { status: 503, code: 'Overloaded' }, { gateway })
    expect((await callAdmin(gateway, 'GET', 'tenants/new')).status).toBe(404)
    expect((await gateway.call('POST', '/v1/downloads', DOWNLOAD)).status).toBe(200)

    database.exec('PRAGMA max_page_count = 1000000')
    await until('it is tried again', async () => (await post(granted)).status === 201)
    const { events } = await audit.query({ event: 'upload.granted', limit: 1_000 })
    expect(events).toHaveLength(granted + 1)
    await gateway.close()
    expect(integrityOf(`${directory.path}/audit.db`)).toBe('ok')
  })

  it('R23 is full from the start: the gateway runs, says so once, and closes', async () => {
    const lines: string[] = []
    const log = createLogger({ write: (line) => lines.push(line), clock: new TestClock() })
    const audit = await openAudit({ kind: 'file', path: '/dev/full' }, { log })
    const event: AuditEvent = { event: 'upload.granted', at: '2026-01-15T12:00:00Z' }
    await Promise.all([1, 2, 3].map(() => audit.append(event)))
    await audit.append(event)
    expect(lines.filter((line) => line.includes('audit.failing'))).toHaveLength(1)
    expect(lines.join('')).toContain('ENOSPC')
    await audit.close()
  })
})
