import { afterEach, describe, expect, it } from 'vitest'
import { configText, problemsOf } from '../config/config-fixture.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { openWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts'

const DENIED = { status: 403, code: 'AccessDenied' } as const
const INVALID = { status: 400, code: 'InvalidRequest' } as const
const WHOLE = { keys: { callerPrefix: '', wholeBucket: true } }

let gateway: WatchedGateway | undefined
afterEach(async () => {
  await gateway?.close()
  gateway = undefined
})

/** Alice's key with one permission, in a bucket of free keys. */
async function openWithPrefix(prefix: string): Promise<WatchedGateway> {
  const options = { bucket: WHOLE, allow: { 'acme/alice': [{ prefix }] } }
  gateway = await openWatchedGateway(options)
  return gateway
}

/** One key by every operation that names one. */
async function expectDenied(at: WatchedGateway, key: string): Promise<void> {
  const path = `/v1/objects/media/${key.split('/').map(encodeURIComponent).join('/')}`
  await at.refuse('POST', '/v1/uploads', uploadBody({ key }), DENIED)
  await at.refuse('POST', '/v1/downloads', { bucket: 'media', key }, DENIED)
  await at.refuse('GET', path, undefined, DENIED)
  await at.refuse('DELETE', path, undefined, DENIED)
}

async function expectSigned(at: WatchedGateway, key: string): Promise<void> {
  const upload = await at.call('POST', '/v1/uploads', uploadBody({ key }))
  const download = await at.call('POST', '/v1/downloads', { bucket: 'media', key })
  expect([key, upload.status, download.status]).toEqual([key, 201, 200])
}

/** Problems of the smallest configuration with one allow rule changed. */
function problemsWithRule(rule: Readonly<Record<string, unknown>>): Promise<string[]> {
  const allow = [{ operations: ['upload'], buckets: ['media'], ...rule }]
  const key = { id: 'k1', user: 'alice', hash: `v1:${'A'.repeat(43)}`, allow }
  return problemsOf(configText({ 'tenants.acme.keys': [key] }))
}

describe('prefixes of permissions', () => {
  it('K14 403: a permission for tenant1/ does not reach tenant10/ (HackerOne 94087)', async () => {
    const at = await openWithPrefix('tenant1/')
    for (const key of ['tenant10/x', 'tenant1', 'tenant1x', 'tenant', 'xtenant1/x']) {
      await expectDenied(at, key)
    }
    await expectSigned(at, 'tenant1/x')
  })

  it('K14 start refused: a prefix without its trailing slash, of a key or of a bucket', async () => {
    const why = 'must end in "/", or it would match its neighbours too'
    const at = 'tenants.acme.keys[0].allow[0].prefix'
    expect(await problemsWithRule({ prefix: 'acme/alice' })).toEqual([`${at}: ${why}`])
    expect(await problemsWithRule({ prefix: 'acme/alice/' })).toEqual([])
    const bucket = (callerPrefix: string) =>
      problemsOf(configText({ 'buckets.media.keys': { callerPrefix } }))
    expect(await bucket('{tenant}/{user}')).toEqual([
      'buckets.media.keys.callerPrefix: must end in "/"',
    ])
    expect(await bucket('{tenant}/{user}/')).toEqual([])
    const placed = (prefix: string) =>
      problemsOf(
        configText({
          'buckets.media.placements': [{ store: 'main', bucket: 'media-prod', prefix }],
        }),
      )
    expect(await placed('eu')).toEqual([`buckets.media.placements[0].prefix: ${why}`])
    expect(await placed('eu/')).toEqual([])
  })

  it('K15 start refused: an empty prefix, unless the whole bucket is asked for by name', async () => {
    const at = 'tenants.acme.keys[0].allow[0].prefix'
    const empty = 'is empty: write "wholeBucket: true" if that is meant'
    expect(await problemsWithRule({ prefix: '' })).toEqual([`${at}: ${empty}`])
    expect(await problemsWithRule({})).toEqual([
      `${at}: is required; for a whole bucket write "wholeBucket: true" instead`,
    ])
    expect(await problemsWithRule({ wholeBucket: true })).toEqual([])
    expect(await problemsWithRule({ prefix: 'acme/', wholeBucket: true })).toHaveLength(1)
    const bucket = (keys: Readonly<Record<string, unknown>>) =>
      problemsOf(configText({ 'buckets.media.keys': keys }))
    expect(await bucket({ callerPrefix: '' })).toEqual([
      `buckets.media.keys.callerPrefix: ${empty}`,
    ])
    expect(await bucket({ callerPrefix: '', wholeBucket: true })).toEqual([])
  })

  it('K16 403: other spellings of an allowed prefix; nothing is folded or decoded', async () => {
    const at = await openWithPrefix('private/')
    for (const key of ['Private/x', 'private%2Fx', 'PRIVATE/x', 'private', ' private/x']) {
      await expectDenied(at, key)
    }
    await expectSigned(at, 'private/x')
    await expectSigned(at, 'private/Private/x')
  })

  it('K16 start refused: a rule that denies, for deny rules do not exist', async () => {
    for (const rule of [{ effect: 'deny' }, { deny: true }, { except: ['acme/alice/x'] }]) {
      const problems = await problemsWithRule({ prefix: 'acme/alice/', ...rule })
      expect(problems).toHaveLength(1)
    }
  })
})

describe('names of buckets', () => {
  const NAMES = [
    'evil.com#',
    'a/b',
    'A_B',
    '169.254.169.254',
    'bkt?acl',
    '__proto__',
    'constructor',
    'toString',
    'Media',
    'media ',
    'media-prod',
    '..',
    'b'.repeat(256),
  ]

  it.each(NAMES)('K17 403: bucket %j looks like any other that may not be used', async (bucket) => {
    const secret = {
      placements: [{ store: 'main', bucket: 'secret-prod' }],
      keys: { callerPrefix: '{tenant}/{user}/' },
    }
    const at = await openWatchedGateway({
      buckets: { secret },
      allow: { 'acme/alice': [{ buckets: ['media'] }] },
    })
    gateway = at
    const ask = async (name: string) => {
      const target = { bucket: name, key: 'acme/alice/cat.jpg' }
      const path = `/v1/objects/${encodeURIComponent(name)}`
      const object = `${path}/acme/alice/cat.jpg`
      const dotted = name === '..'
      return [
        await at.refuse('POST', '/v1/uploads', uploadBody(target), DENIED),
        await at.refuse('POST', '/v1/uploads?dryRun=true', uploadBody(target), DENIED),
        await at.refuse('POST', '/v1/downloads', target, DENIED),
        ...(dotted ? [] : [await at.refuse('GET', object, undefined, DENIED)]),
        ...(dotted ? [] : [await at.refuse('DELETE', object, undefined, DENIED)]),
        ...(dotted ? [] : [await at.refuse('GET', path, undefined, DENIED)]),
      ].map(({ requestId: _, ...problem }) => problem)
    }
    const unknown = await ask(bucket)
    const forbidden = await ask('secret')
    expect(unknown).toEqual(forbidden.slice(0, unknown.length))
  })

  it('K17 400: a bucket name that is none at all', async () => {
    const at = await openWatchedGateway()
    gateway = at
    for (const bucket of ['', 'b'.repeat(257), 7, null, ['media'], { name: 'media' }]) {
      const problem = await at.refuse('POST', '/v1/uploads', uploadBody({ bucket }), INVALID)
      expect(problem.fields).toMatchObject([{ path: 'bucket' }])
    }
  })
})

describe('members that would choose where and how to sign', () => {
  const MEMBERS = ['endpoint', 'region', 'host', 'credentials', 'store', 'headers', 'uploadId']

  it.each(MEMBERS)('K18 400: "%s" is refused by name, in every body', async (member) => {
    const at = await openWatchedGateway()
    gateway = at
    const created = await at.call('POST', '/v1/uploads', uploadBody())
    const { id } = await created.json()
    const extra = { [member]: 'evil.example' }
    const download = { bucket: 'media', key: 'acme/alice/cat.jpg', ...extra }
    const unknown = (path: string) => [{ path, message: 'is not a known member' }]
    for (const [path, body, field] of [
      ['/v1/uploads', { ...uploadBody(), ...extra }, member],
      ['/v1/uploads?dryRun=true', { ...uploadBody(), ...extra }, member],
      ['/v1/downloads', download, member],
      ['/v1/downloads', { items: [download] }, `items.0.${member}`],
      [`/v1/uploads/${id}/complete`, extra, member],
      [`/v1/uploads/${id}/parts`, { partNumbers: [1], ...extra }, member],
      [`/v1/uploads/${id}/parts`, { from: 1, to: 2, ...extra }, member],
      ['/v1/uploads/batch', { items: [{ ...uploadBody(), ...extra }] }, `items.0.${member}`],
    ] as const) {
      const problem = await at.refuse('POST', path, body, INVALID)
      expect(problem.fields).toEqual(unknown(field))
      expect(problem.detail).toContain(member)
    }
    const query = `/v1/objects/media/acme/alice/cat.jpg?${member}=evil.example`
    await at.refuse('GET', query, undefined, INVALID)
    await at.refuse('DELETE', query, undefined, INVALID)
  })
})
