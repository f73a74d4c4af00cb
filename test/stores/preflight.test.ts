import { describe, expect, it } from 'vitest'
import { answerToPage, preflight, preflightedHeaders } from '../../src/stores/preflight.ts'

const ORIGIN = 'https://app.example'
const ALLOW = 'access-control-allow'

interface Asked {
  readonly status?: number
  readonly method?: string
  readonly names?: readonly string[]
}

/** What is made of an answer with these headers to a preflight of a PUT with a type and a condition. */
function reading(
  headers: Record<string, string>,
  { status = 200, method = 'PUT', names = ['content-type', 'if-none-match'] }: Asked = {},
) {
  const send = async () => new Response(null, { status, headers })
  const wanted = { origin: ORIGIN, method, headers: names, timeoutMs: 1_000 }
  return preflight(send, 'https://s3.example.test/media/cat', wanted)
}

const FITTING = {
  [`${ALLOW}-origin`]: ORIGIN,
  [`${ALLOW}-methods`]: 'GET, PUT',
  [`${ALLOW}-headers`]: 'Content-Type, If-None-Match',
  'access-control-expose-headers': 'ETag',
}

describe('preflight', () => {
  it('lets in what the answer names, in any case and with blanks, and knows that the ETag shows', async () => {
    expect(await reading(FITTING)).toEqual({
      allowed: true,
      status: 200,
      refusedHeaders: [],
      exposesEtag: true,
      seen: `200, access-control-allow-origin: ${ORIGIN}`,
    })
  })

  it('lets everything in by stars', async () => {
    const answer = await reading({
      [`${ALLOW}-origin`]: '*',
      [`${ALLOW}-methods`]: '*',
      [`${ALLOW}-headers`]: '*',
      'access-control-expose-headers': '*',
    })
    expect(answer).toMatchObject({ allowed: true, exposesEtag: true })
  })

  it.each<[string, Asked, Record<string, string>]>([
    ['status', { status: 403 }, FITTING],
    ['status', { status: 301 }, FITTING],
    ['origin', {}, {}],
    ['origin', {}, { ...FITTING, [`${ALLOW}-origin`]: `${ORIGIN}.evil` }],
    ['origin', {}, { ...FITTING, [`${ALLOW}-origin`]: 'HTTPS://app.example' }],
    ['origin', {}, { ...FITTING, [`${ALLOW}-origin`]: `${ORIGIN}, *` }],
    ['method', {}, { ...FITTING, [`${ALLOW}-methods`]: 'GET' }],
    ['method', {}, { ...FITTING, [`${ALLOW}-methods`]: 'put' }],
    ['headers', {}, { ...FITTING, [`${ALLOW}-headers`]: 'content-type' }],
    ['headers', { names: ['authorization'] }, { ...FITTING, [`${ALLOW}-headers`]: '*' }],
  ])('refuses for its %s what a browser would: %j %j', async (why, asked, headers) => {
    expect(await reading(headers, asked)).toMatchObject({ allowed: false, why })
  })

  it('names the headers that are not let in', async () => {
    const answer = await reading({ ...FITTING, [`${ALLOW}-headers`]: 'content-type' })
    expect(answer.refusedHeaders).toEqual(['if-none-match'])
  })

  it('lets in POST, GET and HEAD although no answer names them', async () => {
    for (const method of ['POST', 'GET', 'HEAD']) {
      const answer = await reading({ [`${ALLOW}-origin`]: '*' }, { method, names: [] })
      expect([method, answer.allowed]).toEqual([method, true])
    }
  })

  it('asks as a browser does, and follows no redirect', async () => {
    const sent: [string, RequestInit][] = []
    const send = async (url: string, init: RequestInit) => {
      sent.push([url, init])
      return new Response(null, { headers: FITTING })
    }
    const url = 'https://s3.example.test/media/cat?X-Amz-Expires=1'
    const headers = ['content-type', 'x-amz-meta-signet']
    await preflight(send, url, { origin: ORIGIN, method: 'PUT', headers, timeoutMs: 1_000 })
    await preflight(send, url, { origin: ORIGIN, method: 'POST', headers: [], timeoutMs: 1_000 })
    expect(sent.map(([to, { method, redirect }]) => [to, method, redirect])).toEqual([
      [url, 'OPTIONS', 'manual'],
      [url, 'OPTIONS', 'manual'],
    ])
    expect(sent.map(([, init]) => init.headers)).toEqual([
      {
        origin: ORIGIN,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'content-type,x-amz-meta-signet',
      },
      { origin: ORIGIN, 'access-control-request-method': 'POST' },
    ])
  })

  it('tells that there was no answer, and never the URL', async () => {
    const url = 'http://127.0.0.1:1/media/cat?X-Amz-Signature=secret'
    const wanted = { origin: ORIGIN, method: 'PUT', headers: [], timeoutMs: 1_000 }
    expect(await preflight(fetch, url, wanted)).toEqual({
      allowed: false,
      why: 'unreachable',
      refusedHeaders: [],
      exposesEtag: false,
      seen: 'no answer',
    })
  })

  it('shows of an odd answer neither control characters nor more than a line', async () => {
    const origin = `\u0085${'x'.repeat(1_000)}`
    const { seen } = await reading({ [`${ALLOW}-origin`]: origin })
    expect(seen).toMatch(/^200, access-control-allow-origin: \?x{199}$/)
  })
})

describe('answerToPage', () => {
  const look = (headers: Record<string, string>, status = 200) =>
    answerToPage(async () => new Response(null, { status, headers }), 'https://s3.example.test/', {
      origin: ORIGIN,
      timeoutMs: 1_000,
    })

  it('is shown to the origin that it names, or to all; with the ETag where it says so', async () => {
    const etag = { 'access-control-expose-headers': 'etag' }
    expect(await look({ [`${ALLOW}-origin`]: ORIGIN, ...etag })).toEqual({
      shown: true,
      exposesEtag: true,
      seen: `200, access-control-allow-origin: ${ORIGIN}`,
    })
    expect(await look({ [`${ALLOW}-origin`]: '*' })).toMatchObject({
      shown: true,
      exposesEtag: false,
    })
    expect(await look({ [`${ALLOW}-origin`]: 'https://other.example' })).toMatchObject({
      shown: false,
    })
    expect(await look({})).toMatchObject({ shown: false })
  })

  it('says nothing of an error, nor where there is no answer', async () => {
    expect(await look({ [`${ALLOW}-origin`]: ORIGIN }, 404)).toBeUndefined()
    const page = { origin: ORIGIN, timeoutMs: 1_000 }
    expect(await answerToPage(fetch, 'http://127.0.0.1:1/', page)).toBeUndefined()
  })
})

describe('preflightedHeaders', () => {
  it('names what scripts set, sorted, in lower case and once', () => {
    const headers = [
      ['x-amz-meta-signet', 'a'],
      ['Content-Type', 'image/png'],
      ['content-length', '5'],
      ['host', 'a'],
      ['If-None-Match', '*'],
    ] as const
    expect(preflightedHeaders(headers)).toEqual([
      'content-type',
      'if-none-match',
      'x-amz-meta-signet',
    ])
  })

  it('leaves out types that any form could send, and no other', () => {
    expect(preflightedHeaders([['content-type', 'Text/Plain; charset=utf-8']])).toEqual([])
    expect(preflightedHeaders([['content-type', 'multipart/form-data']])).toEqual([])
    expect(preflightedHeaders([['content-type', 'text/plainer']])).toEqual(['content-type'])
  })
})
