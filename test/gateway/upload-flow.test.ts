import { afterEach, describe, expect, it } from 'vitest'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

let gateway: TestGateway
afterEach(() => gateway.close())

describe('POST /v1/uploads', () => {
  it('201: signs exactly one object, size and type, and takes the quota', async () => {
    gateway = await openTestGateway()
    const response = await gateway.call('POST', '/v1/uploads', uploadBody())
    expect(response.status).toBe(201)
    const upload = await response.json()
    expect(upload).toMatchObject({
      status: 'pending',
      bucket: 'media',
      key: 'acme/alice/cat.jpg',
      sizeBytes: 1_000,
      guarantees: { size: 'exact', contentType: true, writeOnce: true, checksum: 'none' },
    })
    expect(response.headers.get('location')).toBe(`/v1/uploads/${upload.id}`)
    expect(response.headers.get('cache-control')).toBe('no-store')
    const url = new URL(upload.request.url)
    expect(url.pathname).toBe('/media-prod/acme/alice/cat.jpg')
    expect(url.searchParams.get('X-Amz-SignedHeaders')).toBe(
      'content-length;content-type;host;if-none-match;x-amz-meta-signet',
    )
    const day = upload.limits.find(({ policy }: { policy: string }) => policy === 'user-bytes-day')
    expect(day).toMatchObject({ used: 0, pending: 1_000, limit: 2 ** 40 })
  })

  it('201: has RateLimit fields that name every limit', async () => {
    gateway = await openTestGateway()
    const response = await gateway.call('POST', '/v1/uploads', uploadBody())
    expect(response.headers.get('ratelimit-policy')).toContain('"user-requests";q=10000')
    expect(response.headers.get('ratelimit')).toContain('"user-bytes-day";r=')
  })
})
