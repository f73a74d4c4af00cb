import { describe, expect, it } from 'vitest'
import { expectRefused } from '../../support/expect-refused.ts'
import { until } from '../../support/until.ts'
import { type GatewayUnderTest, uploadBody } from './gateway-under-test.ts'

/** What holds of the admin listener: it is closed to strangers, and what it changes takes effect. */
export function describeAdmin(
  suite: () => GatewayUnderTest,
  { readsAudit }: { readonly readsAudit: boolean },
): void {
  /** Status of a call to the public API with a key. */
  const statusWith = async (secret: string, path = '/v1/usage') => {
    const headers = { authorization: `Bearer ${secret}` }
    return (await fetch(`${suite().url}${path}`, { headers })).status
  }
  const shown = async (answer: Promise<Response>, status: number) => {
    const { status: was, ...rest } = await answer.then(async (each) => ({
      status: each.status,
      text: await each.text(),
    }))
    expect([was, rest.text]).toEqual([status, expect.any(String)])
    return JSON.parse(rest.text || 'null')
  }

  describe('the admin listener', () => {
    it('401: without the token, with an API key, with a wrong token; 200: it lives', async () => {
      const { adminUrl, keys } = suite()
      const tenants = `${adminUrl}/admin/v1/tenants`
      const refusal = { status: 401, code: 'Unauthenticated' } as const
      for (const credential of [undefined, keys.get('acme/alice'), 'x'.repeat(40)]) {
        const headers = { ...(credential && { authorization: `Bearer ${credential}` }) }
        await expectRefused(await fetch(tenants, { headers }), refusal)
      }
      expect((await fetch(`${adminUrl}/healthz`)).status).toBe(200)
    })

    it('404: routes of the public API are not there', async () => {
      const { adminUrl, keys } = suite()
      const headers = { authorization: `Bearer ${keys.get('acme/alice')}` }
      const answer = await fetch(`${adminUrl}/v1/usage`, { headers })
      await expectRefused(answer, { status: 404, code: 'NoSuchRoute' })
    })

    it('201: a key that is made works, one that is rotated works by its new secret, 204: a revoked one does not', async () => {
      const { admin } = suite()
      const allow = [{ operations: ['upload'], buckets: ['media'], prefix: 'acme/alice/' }]
      const wanted = { id: 'made', user: 'alice', allow }
      const made = await shown(admin('POST', 'tenants/acme/keys', wanted), 201)
      await until('it works', async () => (await statusWith(made.secret)) === 200)
      const rotation = admin('POST', 'tenants/acme/keys/made/rotate', { overlapSeconds: 0 })
      const rotated = await shown(rotation, 200)
      await until('the new one works', async () => (await statusWith(rotated.secret)) === 200)
      await until('the old one ends', async () => (await statusWith(made.secret)) === 401)
      const key = await shown(admin('GET', 'tenants/acme/keys/made'), 200)
      expect(JSON.stringify(key)).not.toContain(rotated.secret)
      expect((await admin('DELETE', 'tenants/acme/keys/made')).status).toBe(204)
      await until('it ends', async () => (await statusWith(rotated.secret)) === 401)
    })

    it('200, 201: a plan, a tenant, a user and a key that are made there serve like configured ones', async () => {
      const { admin, url } = suite()
      const quota = { policy: 'made-objects', per: 'user', unit: 'objects', limit: 2 }
      const plan = { rates: [], quotas: [{ ...quota, window: 'month' }] }
      expect((await admin('PUT', 'plans/made', plan)).status).toBeLessThan(300)
      expect((await admin('PUT', 'tenants/made', { plan: 'made' })).status).toBeLessThan(300)
      expect((await admin('PUT', 'tenants/made/users/fred', {})).status).toBeLessThan(300)
      const allow = [{ operations: ['upload'], buckets: ['media'], prefix: 'made/fred/' }]
      const wanted = { user: 'fred', allow }
      const { secret } = await shown(admin('POST', 'tenants/made/keys', wanted), 201)
      await until('it works', async () => (await statusWith(secret)) === 200)
      const statuses = []
      for (const name of ['a', 'b', 'c']) {
        const answer = await fetch(`${url}/v1/uploads`, {
          method: 'POST',
          headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
          body: JSON.stringify(uploadBody(`made/fred/${name}`)),
        })
        statuses.push(answer.status)
      }
      expect(statuses).toEqual([201, 201, 429])
      const suspended = await admin('PATCH', 'tenants/made', { suspended: true })
      expect(suspended.status).toBe(200)
      await until('nobody may act for it', async () => (await statusWith(secret)) === 403)
    })

    it('200: stores with what they keep and how they do, and no secret of theirs', async () => {
      const { admin, store } = suite()
      const answer = await admin('GET', 'stores')
      const text = await answer.text()
      const { stores } = JSON.parse(text) as { stores: object[] }
      expect(stores).toMatchObject([
        {
          name: 'main',
          provider: store.kind,
          capabilities: { signedLength: 'yes' },
          health: expect.any(Object),
        },
      ])
      expect(text).not.toContain(store.credentials.main.secretAccessKey)
    })

    it('201, 200: an adjustment is posted once, whoever repeats it', async () => {
      const { admin, level } = suite()
      const before = await level('tenant-stored')
      const wanted = {
        id: 'adjusted-1',
        tenant: 'acme',
        policy: 'tenant-stored',
        delta: 5,
        reason: 'a test',
      }
      const statuses = []
      for (let times = 0; times < 2; times += 1) {
        statuses.push((await admin('POST', 'adjustments', wanted)).status)
      }
      expect(statuses).toEqual([201, 200])
      expect((await level('tenant-stored')).used).toBe(before.used + 5)
    })

    it('200: usage and uploads of anybody', async () => {
      const { admin, call, create } = suite()
      const { id } = await create('seen-by-admin')
      const usage = await shown(admin('GET', 'usage?tenant=acme&user=alice'), 200)
      const own = (await (await call('GET', '/v1/usage')).json()) as { limits: Level[] }
      const stored = ({ limits }: { limits: Level[] }) =>
        limits.find(({ policy }) => policy === 'tenant-stored')
      expect(stored(usage)).toEqual(stored(own))
      const path = 'uploads?status=pending&tenant=acme&user=alice&limit=1000'
      const { uploads } = await shown(admin('GET', path), 200)
      const ids = (uploads as { id: string }[]).map((upload) => upload.id)
      expect(ids).toContain(id)
    })

    it('200: the audit log has every decision, and no grant', async () => {
      const { admin, create } = suite()
      const upload = await create('audited')
      const path = `audit?uploadId=${upload.id}`
      if (!readsAudit) {
        expect((await admin('GET', path)).status).toBe(404)
        return
      }
      const { events } = await shown(admin('GET', path), 200)
      expect(events).toMatchObject([
        { event: 'upload.granted', tenant: 'acme', user: 'alice', sizeBytes: 1_000 },
      ])
      expect(JSON.stringify(events)).not.toContain('X-Amz-Signature')
    })

    it('200: metrics count what was asked', async () => {
      const answer = await fetch(`${suite().adminUrl}/metrics`)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toContain('text/plain')
      await answer.bytes()
    })

    it('200: after all of this the ledger agrees with itself', async () => {
      const report = await shown(suite().admin('POST', 'ledger/audit', {}), 200)
      expect(report).toMatchObject({
        clean: true,
        found: { drifts: 0, index: 0, negative: 0, unreadable: 0 },
      })
      expect(report.counts.pending).toBeGreaterThan(0)
    })
  })
}

interface Level {
  readonly policy: string
}
