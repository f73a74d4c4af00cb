import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { documentName } from '../../src/config/directory/document-name.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { openTestGateway, type TestGateway } from '../support/test-gateway.ts'
import { keyCalls } from './key-calls.ts'

let gateway: TestGateway
let keys: ReturnType<typeof keyCalls>
beforeAll(async () => {
  gateway = await openTestGateway()
  keys = keyCalls(gateway)
})
afterAll(() => gateway.close())

/** The file as it would be with a key of bob, or carol, that has this id; returns what takes it back. */
function hide(id: string, as: 'acmebob' | 'globexcarol'): () => void {
  const { live } = gateway.context
  const before = live.file
  const record = before.keys.get(as)
  if (record === undefined) throw new Error('Cannot hide the key: there is no such record')
  const config = { ...before, keys: new Map(before.keys).set(id, { ...record, id }) }
  live.replaceFile({ config, secrets: live.secrets })
  return () => live.replaceFile({ config: before, secrets: live.secrets })
}

const listed = async (path: string, id: string) => {
  const page = await (await keys.call('GET', path)).json()
  return page.keys.filter((key: { id: string }) => key.id === id)
}
const HIDDEN = 'the configuration file has a key of this id, and wins'
const UNMODIFIABLE = { status: 409, code: 'UnmodifiableEntity' } as const

describe('a key whose id the configuration file gives to another tenant', () => {
  it('is shown with what hides it, and is still revoked when the file gives the id back', async () => {
    const { secret } = await keys.create('hidden1')
    const back = hide('hidden1', 'globexcarol')
    expect(await keys.status(secret)).toBe(401)
    expect(await listed('/keys', 'hidden1')).toMatchObject([
      { tenant: 'acme', source: 'admin', status: 'active', problem: HIDDEN },
      { tenant: 'globex', source: 'configuration' },
    ])
    const path = '/tenants/acme/keys/hidden1'
    expect(await keys.get('hidden1')).toMatchObject({ problem: HIDDEN })
    await expectRefused(await keys.call('PATCH', path, { label: 'x' }), UNMODIFIABLE, { gateway })
    await expectRefused(await keys.call('POST', `${path}/rotate`), UNMODIFIABLE, { gateway })
    expect((await keys.call('DELETE', path)).status).toBe(204)
    expect((await keys.call('DELETE', path)).status).toBe(204)
    back()
    expect(await keys.status(secret)).toBe(401)
    expect(await keys.get('hidden1')).toMatchObject({ status: 'revoked' })
  })

  it('shows each once, page by page', async () => {
    await keys.create('hidden2')
    const back = hide('hidden2', 'globexcarol')
    const seen: string[] = []
    for (let cursor = ''; ; ) {
      const page = await (await keys.call('GET', `/keys?limit=1${cursor}`)).json()
      seen.push(...page.keys.map((key: { id: string; source: string }) => key.id + key.source))
      if (page.nextCursor === undefined) break
      cursor = `&cursor=${page.nextCursor}`
    }
    back()
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen.filter((name) => name.startsWith('hidden2'))).toHaveLength(2)
  })
})

describe('a key whose id the configuration file gives to the same tenant', () => {
  it('409: is revoked, and the answer says that the one of the file is not', async () => {
    const { secret } = await keys.create('hidden3')
    const back = hide('hidden3', 'acmebob')
    const path = '/tenants/acme/keys/hidden3'
    const first = await expectRefused(await keys.call('DELETE', path), UNMODIFIABLE, { gateway })
    expect(first.detail).toContain('the one that it hid is revoked')
    const again = await expectRefused(await keys.call('DELETE', path), UNMODIFIABLE, { gateway })
    expect(again.detail).toContain('the configuration file sets it')
    back()
    expect(await keys.status(secret)).toBe(401)
  })
})

describe('a key that another version has written', () => {
  const name = documentName({ kind: 'key', key: 'newer1' })
  const rewrite = async (change: (document: Record<string, unknown>) => unknown) => {
    const { directory } = gateway.context
    const value = JSON.parse(directory.document(name)?.value ?? '{}')
    await directory.put({ name, value: JSON.stringify(change(value)) })
  }

  it('is shown with what is wrong, and can be revoked', async () => {
    const { secret } = await keys.create('newer1', { label: 'newer' })
    await rewrite((document) => ({ ...document, owner: 'x', allow: [{ operations: ['fly'] }] }))
    const path = '/tenants/acme/keys/newer1'
    const [shown] = await listed('/tenants/acme/keys', 'newer1')
    expect(shown).toMatchObject({ user: 'alice', label: 'newer', allow: [], secrets: [] })
    expect(shown.problem).toMatch(/^it cannot be read: /)
    await expectRefused(await keys.call('POST', `${path}/rotate`), UNMODIFIABLE, { gateway })
    expect((await keys.call('DELETE', '/tenants/globex/keys/newer1')).status).toBe(404)
    expect((await keys.call('DELETE', path)).status).toBe(204)
    expect(await keys.get('newer1')).toMatchObject({ status: 'revoked', user: 'alice' })
    expect(await keys.status(secret)).toBe(401)
  })

  it('404: cannot be revoked when it does not say whose it is', async () => {
    await rewrite(() => ({ tenant: 'acme' }))
    expect((await keys.call('DELETE', '/tenants/acme/keys/newer1')).status).toBe(404)
  })
})
