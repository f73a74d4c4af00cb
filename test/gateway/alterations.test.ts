import { metrics, trace } from '@opentelemetry/api'
import { describe, expect, it } from 'vitest'
import { ACCESS_LOG_MS, alterationsOf } from '../../src/gateway/altered-object.ts'
import type { UploadNote } from '../../src/gateway/reservation-note.ts'
import { createLogger } from '../../src/log.ts'
import { createRareLog } from '../../src/rare-log.ts'
import type { AccessRules } from '../../src/stores/acl-answer.ts'
import type { Capabilities } from '../../src/stores/capabilities.ts'
import { createStoreClient } from '../../src/stores/s3-client.ts'
import type { HeadResult } from '../../src/stores/store-client.ts'
import { createTelemetry, type Telemetry } from '../../src/telemetry.ts'
import { placeOf, storeWith } from '../stores/store-fixture.ts'
import { eventsIn } from '../support/log-lines.ts'
import { TestClock } from '../support/test-clock.ts'

type Found = Extract<HeadResult, { found: true }>

const NOTE: UploadNote = {
  kind: 'upload',
  tenant: 'acme',
  user: 'alice',
  bucket: 'media',
  place: ['main', 'bkt', ''],
  key: 'k',
  sizeBytes: 5,
  contentType: 'text/plain',
  createdMs: 0,
  afterUrlMs: 0,
}
const HEAD: Found = {
  found: true,
  sizeBytes: 5,
  contentType: 'text/plain',
  etag: '"e"',
  metadata: new Map(),
}

interface Case {
  readonly capabilities?: Partial<Capabilities>
  readonly note?: Partial<UploadNote>
  readonly head?: Partial<Found>
  readonly acl?: AccessRules
}

const accessLog = createRareLog(new TestClock(), ACCESS_LOG_MS)
const lines: string[] = []
const log = createLogger({ write: (line) => lines.push(line), clock: new TestClock() })
let unseen = 0
const telemetry: Telemetry = {
  ...createTelemetry(metrics.getMeter('test'), trace.getTracer('test')),
  accessUnseen: () => {
    unseen += 1
  },
}

/** What is found, and whether the store was asked for access rules. */
async function look({ capabilities, note, head, acl = 'private' }: Case) {
  let asked = 0
  const storeClient = {
    ...createStoreClient({ fetch }),
    acl: async () => {
      asked += 1
      return acl
    },
  }
  const store = storeWith({ unsignedHeaders: 'accept', ...capabilities })
  const found = await alterationsOf(
    { storeClient, accessLog, log, telemetry },
    { ...NOTE, ...note },
    { place: placeOf('k', { store }), head: { ...HEAD, ...head } },
  )
  return { found, asked }
}

const PINNED_ACL = { fixedHeaders: { 'x-amz-acl': 'private' } }

describe('what was added to an upload', () => {
  it.each<[string, string[], Case]>([
    ['nothing', [], {}],
    ['the usual class, named', [], { head: { storageClass: 'STANDARD' } }],
    ['another class', ['x-amz-storage-class'], { head: { storageClass: 'GLACIER' } }],
    ['no tags, told', [], { head: { tagCount: 0 } }],
    ['a tag', ['x-amz-tagging'], { head: { tagCount: 1 } }],
    ['a redirect', ['x-amz-website-redirect-location'], { head: { redirect: '/x' } }],
    ['access for others', ['x-amz-acl'], { acl: 'shared' }],
    ['access that the store does not tell', [], { acl: 'unknown' }],
    [
      'all of it',
      ['x-amz-acl', 'x-amz-storage-class', 'x-amz-tagging', 'x-amz-website-redirect-location'],
      { acl: 'shared', head: { storageClass: 'X', tagCount: 2, redirect: '/x' } },
    ],
  ])('is seen: %s', async (_, found, given) => {
    expect(await look(given)).toEqual({ found, asked: 1 })
  })

  it('is nothing where nobody can see who it is open to, and that is told: rarely, and counted', async () => {
    const before = unseen
    for (const acl of ['unknown', 'private', 'shared', 'unknown'] as const) await look({ acl })
    expect(unseen - before).toBe(2)
    expect(eventsIn(lines, 'upload.access_unseen')).toMatchObject([
      { level: 'warn', store: 'main', times: 1 },
    ])
  })

  const ALL: Pick<Case, 'acl' | 'head'> = {
    acl: 'shared',
    head: { storageClass: 'X', tagCount: 2, redirect: '/x' },
  }

  it.each<[string, Case]>([
    [
      'where the store refuses every unsigned header',
      { capabilities: { unsignedHeaders: 'reject' } },
    ],
    ['to a form, whose policy names every field', { note: { post: true } }],
    ['to parts', { note: { multipart: { partSizeBytes: 5, partCount: 1 } } }],
  ])('is nothing, and nobody asks: %s', async (_, given) => {
    expect(await look({ ...ALL, ...given })).toEqual({ found: [], asked: 0 })
  })

  it('is not what was asked for, which is signed', async () => {
    const signed = 'x-amz-storage-class,x-amz-tagging'
    const { found } = await look({ ...ALL, note: { signed } })
    expect(found).toEqual(['x-amz-acl', 'x-amz-website-redirect-location'])
  })

  it('is not looked for where it is pinned: no call for access', async () => {
    expect(await look({ ...ALL, capabilities: PINNED_ACL })).toEqual({
      found: ['x-amz-storage-class', 'x-amz-tagging', 'x-amz-website-redirect-location'],
      asked: 0,
    })
    const classToo = { ...PINNED_ACL.fixedHeaders, 'x-amz-storage-class': 'X' }
    const { found } = await look({ ...ALL, capabilities: { fixedHeaders: classToo } })
    expect(found).toEqual(['x-amz-tagging', 'x-amz-website-redirect-location'])
  })

  it('is not access where only harmless headers are taken', async () => {
    const some = await look({ ...ALL, capabilities: { unsignedHeaders: 'reject-some' } })
    expect(some.asked).toBe(0)
    expect(some.found).toHaveLength(3)
    const metaRefused = await look({ ...ALL, capabilities: { unsignedHeaders: 'reject-meta' } })
    expect(metaRefused.asked).toBe(1)
  })
})
