import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StoreClient } from '../../src/stores/store-client.ts'
import { NO_MULTIPART } from '../support/no-multipart.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

/** How many configurations are drawn for a seed, and how many of its pairs of users meet in each. */
const RUNS = 4
const PAIRS = 8

/** A store where nothing lies. */
const EMPTY_STORE: StoreClient = {
  ...NO_MULTIPART,
  async head() {
    return { found: false }
  },
  async remove() {},
  async list() {
    return { objects: [] }
  },
}

const ODD = ['', 'a', '..', 'a/b', '%2F', '\\', '{user}', '{tenant}', 'e\u0301', '\u00e9', ' ', '-']
const TEMPLATES = ['{tenant}/{user}/', '{tenant}/', 'in/{tenant}/{user}/', '{tenant}/x/{user}/']
const id = fc.array(fc.constantFrom(...ODD), { maxLength: 3 }).map((parts) => parts.join(''))

interface Drawn {
  readonly tenants: Readonly<Record<string, readonly string[]>>
  /** Templates of the rules of every key. */
  readonly rules: readonly string[]
  /** Templates of the rules of every tenant. */
  readonly bounds: readonly string[] | undefined
}

// The ends keep ids apart, and with them those of the keys, which are letters and digits alone.
const drawn: fc.Arbitrary<Drawn> = fc
  .record({
    tenants: fc.array(fc.array(id, { minLength: 2, maxLength: 2 }), { minLength: 3, maxLength: 3 }),
    names: fc.array(id, { minLength: 3, maxLength: 3 }),
    rules: fc.subarray(TEMPLATES, { minLength: 1 }),
    bounds: fc.option(fc.subarray(TEMPLATES, { minLength: 1 }), { nil: undefined }),
  })
  .map(({ tenants, names, ...rest }) => ({
    ...rest,
    tenants: Object.fromEntries(
      tenants.map((users, at) => [
        `${names[at]}T${at}`,
        users.map((user, index) => `${user}U${index}`),
      ]),
    ),
  }))

/** A template for one user, written down a second time. */
function render(template: string, tenant: string, user: string): string {
  const segment = (text: string) =>
    text.replaceAll('%', '%25').replaceAll('/', '%2F').replaceAll('\\', '%5C')
  return template
    .split('/')
    .map((part) =>
      part === '{tenant}' ? segment(tenant) : part === '{user}' ? segment(user) : part,
    )
    .join('/')
}

const rulesOf = (templates: readonly string[]) =>
  templates.map((prefix) => ({
    operations: ['upload', 'download', 'list', 'delete'],
    buckets: ['media'],
    prefix,
  }))

/** A gateway of these tenants, each user with a key. */
async function open({ tenants, rules, bounds }: Drawn): Promise<TestGateway> {
  const users = Object.entries(tenants).flatMap(([tenant, names]) =>
    names.map((user) => `${tenant}/${user}`),
  )
  return openTestGateway({
    bucket: { keys: { callerPrefix: '', wholeBucket: true } },
    tenants,
    allow: Object.fromEntries(users.map((who) => [who, rulesOf(rules)])),
    ...(bounds !== undefined && {
      tenantSettings: Object.fromEntries(
        Object.keys(tenants).map((tenant) => [tenant, { allow: rulesOf([...rules, ...bounds]) }]),
      ),
    }),
    overrides: { storeClient: EMPTY_STORE },
  })
}

/** Every operation on one key, and its status. */
async function tryAll(gateway: TestGateway, who: string, key: string) {
  const path = `/v1/objects/media/${key.split('/').map(encodeURIComponent).join('/')}`
  const list = `/v1/objects/media?prefix=${encodeURIComponent(`${key}/`)}`
  const statuses: Record<string, number> = {}
  for (const [operation, method, at, body] of [
    ['upload', 'POST', '/v1/uploads', uploadBody({ key })],
    ['download', 'POST', '/v1/downloads', { bucket: 'media', key }],
    ['open', 'GET', path, undefined],
    ['head', 'HEAD', path, undefined],
    ['list', 'GET', list, undefined],
    ['delete', 'DELETE', path, undefined],
  ] as const) {
    const answer = await gateway.call(method, at, body, { who })
    const text = await answer.text()
    if (answer.status === 403) expect(text).not.toContain('X-Amz')
    statuses[operation] = answer.status
  }
  return statuses
}

const all = (status: number) => ({
  upload: status,
  download: status,
  open: status,
  head: status,
  list: status,
  delete: status,
})
const PASSED = { upload: 201, download: 200, open: 307, head: 404, list: 200, delete: 204 }

describe('tenants of any names, with one set of rules', () => {
  // Two seeds: one that is always the same, one that is printed by fast-check when it fails.
  it.each([1, undefined])(
    'P01 403: the key space of another, by every operation (%s)',
    async (seed) => {
      // Without another user it is the own key space, by the first of the rules.
      const another = fc.option(fc.nat(5), { nil: undefined, freq: 2 })
      const pair = fc.tuple(fc.nat(5), another, fc.constantFrom(...TEMPLATES))
      const pairs = fc.array(pair, { minLength: PAIRS, maxLength: PAIRS })
      let foreign = 0
      let own = 0
      await fc.assert(
        fc.asyncProperty(drawn, pairs, async (setup, asked) => {
          const users = Object.entries(setup.tenants).flatMap(([tenant, names]) =>
            names.map((user) => ({ tenant, user })),
          )
          const gateway = await open(setup)
          for (const [one, other, template] of asked) {
            const [who, whose] = [users[one], users[other ?? one]]
            if (who === undefined || whose === undefined) continue
            const place = other === undefined ? (setup.rules[0] ?? '') : template
            const key = `${render(place, whose.tenant, whose.user)}y`
            const mine = setup.rules.some((rule) =>
              key.startsWith(render(rule, who.tenant, who.user)),
            )
            if (who.tenant !== whose.tenant) expect([who, key, mine]).toEqual([who, key, false])
            if (mine) own += 1
            else foreign += 1
            const statuses = await tryAll(gateway, `${who.tenant}/${who.user}`, key)
            expect([who, key, statuses]).toEqual([who, key, mine ? PASSED : all(403)])
          }
          await gateway.close()
        }),
        { numRuns: RUNS, ...(seed !== undefined && { seed }) },
      )
      expect(foreign).toBeGreaterThan(RUNS)
      expect(own).toBeGreaterThan(0)
    },
  )
})
