import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TEST_ADMIN_TOKEN } from '../../support/test-config.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../../support/test-gateway.ts'

// Names whose order by code units is not that of any language.
const TENANTS = { acme: ['bob', 'Alice', 'émile'], 'a/b': ['x'], Zeta: ['y', 'z'] }
const ORDER = [
  ['Zeta', 'y'],
  ['Zeta', 'z'],
  ['a/b', 'x'],
  ['acme', 'Alice'],
  ['acme', 'bob'],
  ['acme', 'émile'],
] as const

interface Shown {
  readonly id: string
  readonly tenant: string
  readonly user: string
  readonly status: string
}

describe('GET /admin/v1/uploads', () => {
  let gateway: TestGateway
  const ids = new Map<string, string[]>()

  beforeAll(async () => {
    const many = Array.from({ length: 150 }, (_, index) => `idle${index}`)
    gateway = await openTestGateway({
      tenants: { ...TENANTS, ...{ idlers: many } },
      bucket: { keys: { callerPrefix: 'all/' } },
      allow: Object.fromEntries(ORDER.map((who) => [who.join('/'), [{ prefix: 'all/' }]])),
    })
    for (const [tenant, user] of ORDER) {
      // None of one user, so that a page passes over it.
      for (let count = user === 'bob' ? 0 : 2; count > 0; count -= 1) {
        const body = uploadBody({ key: `all/${user}${count}` })
        const answer = await gateway.call('POST', '/v1/uploads', body, { who: `${tenant}/${user}` })
        const { id } = await answer.json()
        ids.set(
          user,
          [...(ids.get(user) ?? []), id].sort((a, b) => (a < b ? -1 : 1)),
        )
      }
    }
  })
  afterAll(() => gateway.close())

  const get = (query: string, token = TEST_ADMIN_TOKEN) =>
    gateway.admin.request(`/admin/v1/uploads${query}`, {
      headers: { authorization: `Bearer ${token}` },
    })

  /** All pages of a list, how many there were, and uploads of the longest. */
  async function all(query: string): Promise<{ uploads: Shown[]; pages: number; longest: number }> {
    const uploads: Shown[] = []
    let pages = 0
    let longest = 0
    let cursor: string | undefined
    do {
      const more = cursor === undefined ? '' : `&cursor=${cursor}`
      const answer = await get(`?${query}${more}`)
      expect(answer.status).toBe(200)
      const page = await answer.json()
      uploads.push(...page.uploads)
      cursor = page.nextCursor
      pages += 1
      longest = Math.max(longest, page.uploads.length)
    } while (cursor !== undefined)
    return { uploads, pages, longest }
  }

  it.each([1, 2, 3, 10, 1_000])('200: shows each upload once, %i a page', async (limit) => {
    const { uploads, longest } = await all(`limit=${limit}`)
    expect(longest).toBe(Math.min(limit, uploads.length))
    const expected = ORDER.flatMap(([tenant, user]) =>
      (ids.get(user) ?? []).map((id) => [tenant, user, id]),
    )
    expect(uploads.map(({ tenant, user, id }) => [tenant, user, id])).toEqual(expected)
    expect(new Set(uploads.map(({ status }) => status))).toEqual(new Set(['pending']))
  })

  it('200: asks the ledger about 100 users a page, and says that there is more', async () => {
    const first = await (await get('?tenant=idlers')).json()
    expect([first.uploads, typeof first.nextCursor]).toEqual([[], 'string'])
    expect((await all('tenant=idlers')).pages).toBe(2)
  })

  it('200: of one tenant, of one user, and of another status', async () => {
    const owners = async (query: string) =>
      new Set((await all(query)).uploads.map(({ tenant, user }) => `${tenant} ${user}`))
    expect(await owners('tenant=acme&limit=1')).toEqual(new Set(['acme Alice', 'acme émile']))
    expect(await owners(`tenant=${encodeURIComponent('a/b')}&user=x`)).toEqual(new Set(['a/b x']))
    expect(await owners('tenant=acme&user=bob')).toEqual(new Set())
    expect(await owners('status=completed')).toEqual(new Set())
  })

  it('200: shows no grant', async () => {
    const text = await (await get('?limit=100')).text()
    expect(text).not.toMatch(/X-Amz-|https?:\/\/|"request"|"fields"/)
  })

  it('404: of a tenant or user that there is none of', async () => {
    for (const query of ['?tenant=nobody', '?tenant=acme&user=nobody', '?tenant=__proto__']) {
      const answer = await get(query)
      expect([answer.status, (await answer.json()).code]).toEqual([404, 'NoSuchEntity'])
    }
  })

  it('400: a user without a tenant, a cursor of another list, what is not known', async () => {
    const { nextCursor } = await (await get('?limit=1')).json()
    for (const query of [
      '?user=alice',
      `?tenant=acme&cursor=${nextCursor}`,
      `?status=completed&cursor=${nextCursor}`,
      '?limit=0',
      '?limit=1001',
      '?owner=alice',
    ]) {
      const answer = await get(query)
      expect([query, answer.status]).toEqual([query, 400])
    }
  })

  it('401: for an API key', async () => {
    expect((await get('', gateway.key('acme/bob'))).status).toBe(401)
  })
})
