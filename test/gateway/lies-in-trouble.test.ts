import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProbeReport } from '../../src/stores/probe-report.ts'
import { createStoreClient } from '../../src/stores/s3-client.ts'
import type { Answer, Received } from '../support/hostile-store/call.ts'
import { CREDENTIALS, type HostileOptions } from '../support/hostile-store/hostile-store.ts'
import { outcomesOf } from './lie-outcomes.ts'
import {
  changes,
  type LyingStore,
  openLyingStore,
  type Told,
  toldBy,
  without,
} from './lies-fixture.ts'

let lying: LyingStore
let honest: ProbeReport
let outcomes: Told

beforeAll(async () => {
  // Nobody counts the failures: what one store breaks must not end the calls to the next.
  lying = await openLyingStore({ overrides: { storeClient: createStoreClient({ fetch }) } })
  honest = await lying.probe()
  lying.gateway.context.storeTruth.adopt(honest)
  outcomes = await outcomesOf(lying)
})

afterAll(() => lying[Symbol.asyncDispose]())

/** Whether a request is one of a kind. */
type Asks = (request: Received) => boolean

const isForm: Asks = ({ method, key }) => method === 'POST' && key === ''
const begins: Asks = ({ method, target }) => method === 'POST' && /\?uploads/.test(target)
const completes: Asks = ({ method, target }) => method === 'POST' && /\?uploadId/.test(target)
const puts: Asks = ({ method, target }) => method === 'PUT' && !target.includes('uploadId')
const lists: Asks = ({ method, target }) => method === 'GET' && target.includes('list-type')
const isLonger: Asks = (request) => puts(request) && request.headers['content-length'] === '6'

const problem = (status: number, code = 'Odd'): Answer => ({
  status,
  headers: { 'content-type': 'application/xml' },
  body: `<Error><Code>${code}</Code></Error>`,
})
const answering = (
  asks: Asks,
  answer: Answer | 'hang' | 'cut',
  times = Number.POSITIVE_INFINITY,
) => {
  let left = times
  return (request: Received) => {
    if (!asks(request) || left === 0) return undefined
    left -= 1
    return answer
  }
}

const ELSEWHERE = () => ({ status: 307, headers: { location: '/elsewhere' } })
const uploadBegan = (id: string) =>
  `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`

/** What a store does in trouble, what its probe then tells, and what is signed no more. */
interface Trouble {
  readonly store: HostileOptions
  readonly found: Told
  readonly refused: Told
  /** What is looked at. Default: `found`. */
  readonly looks?: readonly string[]
  /** Whether another probe has to look again. Default false. */
  readonly unclear?: true
}

const UNCLEAR_FORMS = { postPolicy: 'unknown', postStrict: undefined, formHeaders: undefined }
const NO_FORMS = { postPolicy: 'no', postStrict: 'no', formHeaders: undefined }
const FORMS = refusals(['post', 'postHeaders'], 'postPolicy')
const PARTS = refusals(['parts', 'partsOnce', 'partsTags'], 'multipart')
const PUTS = ['put', 'once', 'strict', 'sha256', 'md5', 'tags', 'encryption', 'overwrite', 'oddKey']

const TROUBLE: Readonly<Record<string, Trouble>> = {
  'answers one form with 500': {
    store: { intercept: answering(isForm, problem(500), 1) },
    looks: ['postPolicy'],
    found: {},
    refused: {},
  },
  'answers forms with 500': {
    store: { intercept: answering(isForm, problem(500)) },
    found: UNCLEAR_FORMS,
    refused: FORMS,
    unclear: true,
  },
  'answers forms with 503': {
    store: { intercept: answering(isForm, problem(503)) },
    found: UNCLEAR_FORMS,
    refused: FORMS,
    unclear: true,
  },
  'hangs up on forms': {
    store: { intercept: answering(isForm, 'cut') },
    found: UNCLEAR_FORMS,
    refused: FORMS,
    unclear: true,
  },
  ...Object.fromEntries(
    [405, 412, 501].map((status) => [
      `answers forms with ${status}`,
      { store: { intercept: answering(isForm, problem(status)) }, found: NO_FORMS, refused: FORMS },
    ]),
  ),
  'sends forms elsewhere': {
    store: {
      intercept: answering(isForm, ELSEWHERE()),
    },
    found: NO_FORMS,
    refused: FORMS,
  },
  'answers six bytes for five with 500': {
    store: { intercept: answering(isLonger, problem(500)) },
    found: { signedLength: 'unknown' },
    refused: {
      ...refusals([...PUTS, ...Object.keys(PARTS)], 'signedLength'),
      auto: '201 POST exact typed',
    },
    unclear: true,
  },
  'answers six bytes for five with 429': {
    store: { intercept: answering(isLonger, problem(429, 'SlowDown')) },
    found: { signedLength: 'unknown' },
    refused: {
      ...refusals([...PUTS, ...Object.keys(PARTS)], 'signedLength'),
      auto: '201 POST exact typed',
    },
    unclear: true,
  },
  'lets nobody list': {
    store: { intercept: answering(lists, problem(403, 'AccessDenied')) },
    looks: ['keys'],
    found: { cleaned: 'unknown' },
    refused: {},
  },
  'completes without a word': {
    store: { intercept: answering(completes, { status: 200 }) },
    found: { multipart: 'unknown', writeOnceMultipart: 'unknown', multipartTagging: 'unknown' },
    refused: PARTS,
    unclear: true,
  },
  // A page of parts that is the same as the last one is no page.
  'lists endlessly': {
    store: { lies: ['listEndless'] },
    found: { multipart: 'no', writeOnceMultipart: 'no', multipartTagging: 'no' },
    refused: PARTS,
  },
  'breaks at completing': {
    store: { lies: ['completeBreaks'] },
    found: { multipart: 'unknown', writeOnceMultipart: 'unknown', multipartTagging: 'unknown' },
    refused: PARTS,
    unclear: true,
  },
}

function refusals(names: readonly string[], capability: string): Told {
  return Object.fromEntries(names.map((name) => [name, `422 ${capability}`]))
}

describe('a store that', () => {
  it.each(Object.entries(TROUBLE))('%s: the probe takes it for no promise', async (_, trouble) => {
    const { store, found, refused, unclear = false, looks = Object.keys(found) } = trouble
    const report = await lying.probe(store, without(honest, looks))
    expect(changes(toldBy(honest), toldBy(report))).toEqual(found)
    expect(report.complete).toBe(!unclear)
    expect(lying.store.bucket.keys()).toEqual([])
    expect(lying.store.requests).not.toContainEqual(expect.stringContaining('elsewhere'))
    lying.gateway.context.storeTruth.adopt(report)
    expect(changes(outcomes, await outcomesOf(lying))).toEqual(refused)
  })

  it.each([
    ['without a word', { status: 200 }],
    ['with an id that is far too long', { status: 200, body: uploadBegan('u'.repeat(100_000)) }],
    ['with 503', problem(503)],
  ])('begins uploads in parts %s: no parts are signed, and no PUT', async (_, answer) => {
    const names = ['multipart', 'unsignedCopySource']
    const intercept = answering(begins, answer)
    const report = await lying.probe({ intercept }, without(honest, names))
    // Whether a part could copy is not known then, and whatever is not known counts as a hole.
    expect(toldBy(report)).toMatchObject({ presignPart: 'no', unsignedCopySource: 'unknown' })
    expect(['no', 'unknown']).toContain(toldBy(report).multipart)
    lying.gateway.context.storeTruth.adopt(report)
    expect(await outcomesOf(lying, ['put', 'parts'])).toEqual(
      refusals(['put', 'parts'], 'unsignedCopySource'),
    )
  })

  it('answers one step with 500 each time: the second probe that resumes is the last', async () => {
    const trouble = { intercept: answering(isLonger, problem(500)) }
    const first = await lying.probe(trouble, without(honest, ['signedLength']))
    const away = { intercept: answering(puts, problem(503), 100) }
    await expect(lying.probe(away, first)).rejects.toMatchObject({ code: 'StoreUnavailable' })
    const second = await lying.probe(trouble, first)
    expect([first.complete, second.complete]).toEqual([false, true])
    expect([toldBy(second).signedLength, second.capabilities.signedLength]).toEqual([
      'unknown',
      undefined,
    ])
    expect(toldBy(await lying.probe({}, second))).toEqual(toldBy(honest))
  })

  it('refuses the credential from the middle on: nothing of it counts', async () => {
    let uploads = 0
    const intercept = (request: Received) => {
      if (puts(request)) uploads += 1
      return puts(request) && uploads > 1 ? problem(403, 'ExpiredToken') : undefined
    }
    const names = ['signedLength', 'writeOnce']
    const report = await lying.probe({ intercept }, without(honest, names))
    const { signedLength, writeOnce } = toldBy(report)
    expect([report.complete, signedLength, writeOnce]).toEqual([false, 'unknown', 'unknown'])
    expect(Object.keys(report.capabilities)).not.toEqual(expect.arrayContaining(names))
    expect(report.capabilities.signedType).toBe('yes')
  })

  it('lists uploads and versions with control characters in their names: they are not told', async () => {
    const key = '.signet-probe/0123456789abcdef/1&#x9b;2J&#x202e;'
    const at = '2020-01-01T00:00:00Z'
    const upload = `<Upload><Key>${key}</Key><UploadId>u</UploadId><Initiated>${at}</Initiated></Upload>`
    const version = `<Version><Key>${key}</Key><VersionId>v</VersionId><LastModified>${at}</LastModified></Version>`
    const intercept = ({ method, pairs }: Received): Answer | undefined => {
      const asks = (name: string) => method === 'GET' && pairs.some(([own]) => own === name)
      if (asks('uploads')) {
        const body = `<ListMultipartUploadsResult>${upload}</ListMultipartUploadsResult>`
        return { status: 200, body }
      }
      if (!asks('versions')) return undefined
      return { status: 200, body: `<ListVersionsResult>${version}</ListVersionsResult>` }
    }
    const { leftovers } = await lying.probe({ versioned: true, intercept }, honest)
    expect(leftovers).toEqual([])
  })

  it('lists no end of what old probes left: the cleaning ends as well', async () => {
    const at = '2020-01-01T00:00:00Z'
    const contents = Array.from({ length: 700 }, (_, index) => {
      const key = `.signet-probe/0123456789abcdef/${index}`
      return `<Contents><Key>${key}</Key><Size>5</Size><LastModified>${at}</LastModified></Contents>`
    })
    const body = `<ListBucketResult>${contents.join('')}</ListBucketResult>`
    const intercept = (request: Received) => (lists(request) ? { status: 200, body } : undefined)
    const { requests, leftovers } = await lying.probe({ intercept }, honest)
    expect([requests, leftovers.length > 0]).toEqual([600, true])
  })

  it('lists nothing: no odd key is signed, and what was written is removed', async () => {
    const report = await lying.probe({ lies: ['listForgets'] }, without(honest, ['keys']))
    expect(toldBy(report).brokenKeys).toEqual(expect.arrayContaining(['//', '+', '%2F', '\u0301']))
    expect(lying.store.bucket.keys()).toEqual([])
    lying.gateway.context.storeTruth.adopt(report)
    expect(await outcomesOf(lying, ['oddKey', 'put'])).toEqual({
      oddKey: '422 keys',
      put: '201 PUT exact typed once',
    })
  })

  it.each<[string, HostileOptions]>([
    ['keeps nothing', { lies: ['putsNothing'] }],
    ['drops metadata, and tickets with it', { lies: ['metadataDropped'] }],
    ['answers everything with 200 and nothing', { intercept: () => ({ status: 200 }) }],
    ['sends everything elsewhere', { intercept: ELSEWHERE }],
    ['hangs up on everything', { intercept: () => 'cut' }],
    ['answers everything with 500', { intercept: () => problem(500) }],
  ])('%s: the probe concludes nothing, and says so', async (_, store) => {
    await expect(lying.probe(store)).rejects.toMatchObject({ code: 'StoreUnavailable' })
    expect(lying.store.bucket.keys()).toEqual([])
    expect(lying.store.requests.length).toBeLessThan(30)
  })

  it('never answers: the probe ends by itself', async () => {
    await using silent = await openLyingStore({ settings: { timeoutMs: 100 } })
    const probing = silent.probe({ intercept: () => 'hang' })
    await expect(probing).rejects.toMatchObject({ code: 'StoreUnavailable' })
    expect(silent.store.requests.length).toBeLessThan(30)
  })
})

describe('a store whose tags nobody can see', () => {
  it.each(['yes', 'no'])('is taken for what the operator says: %s', async (tagging) => {
    await using told = await openLyingStore({
      settings: { capabilities: { tagging } },
      tagKeys: [],
    })
    const report = await told.probe({ lies: ['tagsUncounted'] }, without(honest, ['tagging']))
    expect([toldBy(report).tagging, report.capabilities.tagging]).toEqual([tagging, undefined])
  })
})

describe('a write credential that reads another bucket alone', () => {
  it('copies from there: the hole is open, and nothing stays in either bucket', async () => {
    await using split = await openLyingStore({ elsewhere: 'other' })
    const intercept = ({ headers, method, bucketName, pairs, key }: Received) => {
      const isHere = headers['x-amz-copy-source']?.startsWith('/media-prod/') === true
      const isGrant = method === 'GET' && pairs.some(([name]) => name === 'X-Amz-Signature')
      const isDenied = isHere || (isGrant && bucketName === 'media-prod' && key !== '')
      return isDenied ? problem(403, 'AccessDenied') : undefined
    }
    const earlier = without(honest, ['unsignedCopySource'])
    const open = await split.probe({ lies: ['copyOnPut'], intercept }, earlier)
    expect(open.capabilities).toMatchObject({
      unsignedCopySource: 'open',
      writeCredentialReads: 'yes',
    })
    const { store } = split
    expect([store.bucket.keys(), store.otherBucket.keys()]).toEqual([[], []])
    const closed = await split.probe({ intercept }, earlier)
    expect(closed.capabilities.unsignedCopySource).toBe('closed')
  })

  it('is told of what could not be removed there', async () => {
    await using split = await openLyingStore({ elsewhere: 'other' })
    const intercept = ({ method, bucketName }: Received) =>
      method === 'DELETE' && bucketName === 'other' ? problem(403, 'AccessDenied') : undefined
    const { leftovers } = await split.probe({ intercept }, without(honest, ['unsignedCopySource']))
    expect(leftovers).toEqual([
      expect.stringMatching(/^\.signet-probe\/[0-9a-f]{16}\/1 \(in other\)$/),
    ])
  })
})

describe('a write credential that cannot read', () => {
  it('copies nothing where copies are open, and uploads are signed', async () => {
    const { write, read, main } = CREDENTIALS
    const credentials = { write, read, manage: main }
    await using guarded = await openLyingStore({ settings: { credentials } })
    const report = await guarded.probe(
      { lies: ['copyOnPut', 'copyOnPart'] },
      without(honest, ['unsignedCopySource']),
    )
    expect(changes(toldBy(honest), toldBy(report))).toEqual({
      writeCredentialReads: 'no',
      unsignedCopySource: 'guarded',
    })
    expect(report.capabilities.unsignedCopySource).toBeUndefined()
    guarded.gateway.context.storeTruth.adopt(report)
    expect(await outcomesOf(guarded, ['put', 'parts'])).toEqual({
      put: '201 PUT exact typed once',
      parts: '201 parts exact typed once',
    })
  })
})
