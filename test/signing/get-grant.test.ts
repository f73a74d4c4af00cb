import { describe, expect, it } from 'vitest'
import { Secret } from '../../src/secret.ts'
import { createAws4fetchPresigner } from '../../src/signing/aws4fetch-presigner.ts'
import { signGet, type WantedGet } from '../../src/signing/get-grant.ts'
import { exampleStore, placeOf, storeWith } from '../stores/store-fixture.ts'
import { EXAMPLE_DATE_MS, rawQuery } from './presign-fixture.ts'

const presigner = createAws4fetchPresigner()

function wantedGet(overrides: Partial<WantedGet> = {}): WantedGet {
  return {
    place: placeOf('acme/cat.jpg'),
    disposition: 'attachment',
    nowMs: EXAMPLE_DATE_MS,
    expiresAtMs: EXAMPLE_DATE_MS + 300_500,
    ...overrides,
  }
}

describe('the grant of a download', () => {
  it('needs nothing but its URL, and names the file', async () => {
    const grant = await signGet(presigner, wantedGet({ filename: 'my cat.jpg' }))
    const url = grant.url.reveal()
    expect(grant).toMatchObject({ method: 'GET', headers: {} })
    expect(rawQuery(url, 'response-content-disposition')).toBe(
      'attachment%3B%20filename%3D%22my%20cat.jpg%22',
    )
    expect(rawQuery(url, 'X-Amz-SignedHeaders')).toBe('host')
    expect(grant.expiresAtMs).toBe(EXAMPLE_DATE_MS + 300_000)
    expect(rawQuery(url, 'X-Amz-Expires')).toBe('330')
  })

  it('forces a download even without a name', async () => {
    const url = (await signGet(presigner, wantedGet())).url.reveal()
    expect(rawQuery(url, 'response-content-disposition')).toBe('attachment')
  })

  it('leaves the disposition out where the store would drop it', async () => {
    const place = placeOf('k', { store: storeWith({ responseOverrides: 'probe' }) })
    const url = (await signGet(presigner, wantedGet({ place, disposition: 'inline' }))).url.reveal()
    expect(url).not.toContain('response-content')
  })

  it('names a version, encoded', async () => {
    const url = (await signGet(presigner, wantedGet({ versionId: 'a+b/c&acl=' }))).url.reveal()
    expect(rawQuery(url, 'versionId')).toBe('a%2Bb%2Fc%26acl%3D')
  })

  it('is signed by the read credential, with its session token', async () => {
    const read = {
      accessKeyId: 'READ',
      secretAccessKey: new Secret('r'),
      sessionToken: new Secret('AB+/cd=='),
    }
    const store = exampleStore({ credentials: { ...exampleStore().credentials, read } })
    const url = (
      await signGet(presigner, wantedGet({ place: placeOf('k', { store }) }))
    ).url.reveal()
    expect(rawQuery(url, 'X-Amz-Credential')).toMatch(/^READ%2F/)
    expect(rawQuery(url, 'X-Amz-Security-Token')).toBe('AB%2B%2Fcd%3D%3D')
  })

  it('400: a filename that would lie about itself', async () => {
    const wanted = wantedGet({ filename: 'gpj.\u202eexe' })
    await expect(signGet(presigner, wanted)).rejects.toMatchObject({ code: 'InvalidRequest' })
  })
})
