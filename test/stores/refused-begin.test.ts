import { describe, expect, it } from 'vitest'
import { createStoreClient } from '../../src/stores/s3-client.ts'
import { placeOf, storeWith } from './store-fixture.ts'

const PINNED = { 'x-amz-acl': 'private', 'x-amz-storage-class': 'STANDARD' }
const store = storeWith({ fixedHeaders: PINNED })

function began(
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`
  const { createMultipart } = createStoreClient({
    fetch: async () => new Response(body, { status }),
  })
  const all = { 'content-type': 'image/jpeg', ...PINNED, ...headers }
  return createMultipart(placeOf('k', { store }), new Map(Object.entries(all)))
}

describe('a store that refuses to begin an upload of parts', () => {
  it.each([
    ['storageClass', { 'x-amz-storage-class': 'GLACIER' }],
    ['encryption', { 'x-amz-server-side-encryption': 'AES256' }],
    ['multipartTagging', { 'x-amz-tagging': 'a=b' }],
    ['multipart', {}],
    ['multipart', { 'x-amz-storage-class': 'STANDARD', 'x-amz-meta-a': 'b' }],
  ])('422: has no %s, by what was asked beside its fixed headers', async (capability, headers) => {
    for (const code of ['InvalidArgument', 'InvalidRequest']) {
      await expect(began(400, code, headers)).rejects.toMatchObject({
        code: 'UnsupportedByStore',
        details: { capability, facts: { store: 'main', status: 400, code } },
      })
    }
    await expect(began(501, 'NotImplemented', headers)).rejects.toMatchObject({
      details: { capability },
    })
  })

  it('422: names the storage class where the store does, whatever else was asked', async () => {
    const headers = { 'x-amz-storage-class': 'GLACIER', 'x-amz-tagging': 'a=b' }
    await expect(began(400, 'InvalidStorageClass', headers)).rejects.toMatchObject({
      code: 'UnsupportedByStore',
      details: { capability: 'storageClass' },
    })
    await expect(began(501, 'none')).rejects.toMatchObject({ details: { capability: 'multipart' } })
  })

  it.each([
    [400, 'ExpiredToken'],
    [400, 'AuthorizationHeaderMalformed'],
    [400, 'RequestTimeout'],
    [400, 'none'],
    [403, 'InvalidArgument'],
    [404, 'NoSuchBucket'],
    [500, 'NotImplemented'],
    [503, 'InvalidRequest'],
  ])('503: %i %s, for it says nothing of what was asked', async (status, code) => {
    await expect(began(status, code, { 'x-amz-storage-class': 'GLACIER' })).rejects.toMatchObject({
      code: 'StoreUnavailable',
      details: { facts: { status, code } },
    })
  })
})
