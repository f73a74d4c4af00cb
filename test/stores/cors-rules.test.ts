import { describe, expect, it } from 'vitest'
import {
  type CorsRule,
  corsRulesXml,
  judgeByRules,
  mergeRules,
  parseCorsRules,
  rivalsOf,
  sameRules,
  signetRule,
} from '../../src/stores/cors-rules.ts'

const APP = 'https://app.example'
const OWN = signetRule([APP], [])
const OTHER: CorsRule = {
  id: 'other',
  origins: ['https://*.other.example'],
  methods: ['GET'],
  headers: [],
  exposed: [],
}
const EVERYTHING = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-md5',
  'content-type',
  'if-match',
  'if-none-match',
  'x-amz-acl',
  'x-amz-checksum-sha256',
  'x-amz-content-sha256',
  'x-amz-meta-signet',
  'x-amz-server-side-encryption',
  'x-amz-storage-class',
  'x-amz-tagging',
]

describe('the rule of Signet', () => {
  it.each(['PUT', 'POST', 'GET', 'HEAD'])('lets in %s with all that a grant may name', (method) => {
    const asked = { origin: APP, method, headers: EVERYTHING }
    expect(judgeByRules([OWN], asked)).toEqual({ allowed: true, exposesEtag: true })
  })

  it('lets in neither DELETE nor a header that no grant names', () => {
    const del = { origin: APP, method: 'DELETE', headers: [] }
    expect(judgeByRules([OWN], del)).toMatchObject({ allowed: false, why: 'method' })
    const authorized = { origin: APP, method: 'PUT', headers: ['authorization', 'content-type'] }
    expect(judgeByRules([OWN], authorized)).toEqual({
      allowed: false,
      why: 'headers',
      refusedHeaders: ['authorization'],
    })
  })

  it('names what is signed at this store alone, and nothing twice', () => {
    const { headers } = signetRule([APP], ['x-amz-acl', 'x-detect-content-type', 'content-type'])
    expect(headers).toEqual([...OWN.headers, 'x-detect-content-type'])
  })
})

describe('judgeByRules', () => {
  it.each<[string, string, boolean]>([
    ['*', APP, true],
    [APP, APP, true],
    [APP, `${APP}.evil`, false],
    [APP, 'http://app.example', false],
    [APP, 'https://APP.example', false],
    ['https://*.example', APP, true],
    ['https://app.*', APP, true],
    ['https://*pp.example', 'https://pp.example', true],
    ['https://a*a.example', 'https://a.example', false],
    ['https://*.example', 'https://.evil', false],
  ])('takes %j for %s: %j', (pattern, origin, allowed) => {
    const rules = [{ ...OWN, origins: ['https://no.example', pattern] }]
    expect(judgeByRules(rules, { origin, method: 'PUT', headers: [] }).allowed).toBe(allowed)
  })

  it('goes by the first rule that fits in every way', () => {
    const first = { ...OWN, headers: ['content-type'], exposed: [] }
    const asked = { origin: APP, method: 'PUT' }
    const rules = [first, OWN]
    expect(judgeByRules(rules, { ...asked, headers: ['content-type'] })).toEqual({
      allowed: true,
      exposesEtag: false,
    })
    expect(judgeByRules(rules, { ...asked, headers: ['if-none-match'] })).toEqual({
      allowed: true,
      exposesEtag: true,
    })
  })

  it('compares names of headers in any case', () => {
    const rules = [{ ...OWN, headers: ['Content-Type', 'X-AMZ-*'], exposed: ['etag'] }]
    const headers = ['content-type', 'x-amz-meta-a']
    expect(judgeByRules(rules, { origin: APP, method: 'PUT', headers })).toEqual({
      allowed: true,
      exposesEtag: true,
    })
  })
})

describe('mergeRules', () => {
  it('puts its own first, replaces its own alone, and keeps the others in their order', () => {
    const stale = signetRule(['https://old.example'], [])
    const more = { ...OTHER, id: 'more' }
    expect(mergeRules([OTHER, stale, more], OWN)).toEqual([OWN, OTHER, more])
    expect(mergeRules([], OWN)).toEqual([OWN])
    expect(mergeRules([OWN], OWN)).toEqual([OWN])
  })

  it('knows its own in a store that keeps no ids, and no other', () => {
    const { id: _, ...nameless } = signetRule(['https://old.example'], [])
    const { id: __, ...stranger } = { ...OTHER, maxAgeSeconds: 5 }
    expect(mergeRules([nameless, stranger], OWN)).toEqual([OWN, stranger])
  })

  it('names the others that speak of the same origins', () => {
    const wide = { ...OTHER, id: 'wide', origins: ['https://*'] }
    const { id: _, ...nameless } = { ...wide, origins: ['*'] }
    expect(rivalsOf([OTHER, OWN, wide, nameless], OWN)).toEqual(['wide', '#4'])
  })
})

describe('the XML of rules', () => {
  it('comes back as it was written', () => {
    const odd = { ...OTHER, id: 'a & <b>', origins: ["https://'*'.example"], maxAgeSeconds: 0 }
    const rules = [OWN, odd, { origins: ['*'], methods: ['GET'], headers: [], exposed: [] }]
    expect(parseCorsRules(corsRulesXml(rules))).toEqual(rules)
    expect(parseCorsRules(corsRulesXml([]))).toEqual([])
    expect(sameRules(parseCorsRules(corsRulesXml(rules)), rules)).toBe(true)
    expect(sameRules([OWN, OTHER], [OTHER, OWN])).toBe(false)
    expect(sameRules([OWN], [{ ...OWN, headers: OWN.headers.toReversed() }])).toBe(true)
    expect(sameRules([OWN], [{ ...OWN, headers: OWN.headers.slice(1) }])).toBe(false)
  })

  it('is read with blanks, a declaration and another order of elements', () => {
    const xml = `<?xml version="1.0"?>
      <CORSConfiguration>
        <CORSRule>
          <AllowedMethod>GET</AllowedMethod><ID/>
          <AllowedOrigin>https://*.other.example</AllowedOrigin>
        </CORSRule>
      </CORSConfiguration>`
    const { id: _, ...nameless } = OTHER
    expect(parseCorsRules(xml)).toEqual([nameless])
  })

  it.each([
    '<Error><Code>NoSuchBucket</Code></Error>',
    '<CORSConfiguration><CORSRule><New>1</New></CORSRule></CORSConfiguration>',
    '<CORSConfiguration><ResponseVary>1</ResponseVary></CORSConfiguration>',
    '<CORSConfiguration>text</CORSConfiguration>',
    '<CORSConfiguration><CORSRule><MaxAgeSeconds>soon</MaxAgeSeconds></CORSRule></CORSConfiguration>',
    '<CORSConfiguration><CORSRule><AllowedOrigin><a/></AllowedOrigin></CORSRule></CORSConfiguration>',
    '<CORSConfiguration><CORSRule>',
  ])('is refused where writing it back would lose something: %s', (xml) => {
    expect(() => parseCorsRules(xml)).toThrow()
  })
})
