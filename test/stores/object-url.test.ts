import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bucketLocation, objectLocation, placedKey } from '../../src/stores/object-url.ts'
import { exampleStore, placeOf } from './store-fixture.ts'

describe('the URL of an object', () => {
  it('is path style: bucket first, each segment encoded once', () => {
    expect(objectLocation(exampleStore(), 'endpoint', 'bkt', "a b/+%/caf\u00e9 (!*'~)")).toEqual({
      origin: 'https://s3.example.test',
      path: '/bkt/a%20b/%2B%25/caf%C3%A9%20%28%21%2A%27~%29',
    })
  })

  it('is virtual-hosted style: bucket in the host, before the port', () => {
    const store = exampleStore({ addressing: 'virtual', endpoint: 'http://s3.localhost:7480' })
    expect(objectLocation(store, 'endpoint', 'bkt', '/x//y'.slice(1))).toEqual({
      origin: 'http://bkt.s3.localhost:7480',
      path: '/x//y',
    })
  })

  it('has the bucket before a dual-stack name, and before a domain of one’s own', () => {
    const dual = 'https://s3.dualstack.eu-west-1.amazonaws.com'
    const own = 'https://files.example:8443'
    const store = exampleStore({ addressing: 'virtual', endpoint: dual, publicEndpoint: own })
    expect(objectLocation(store, 'endpoint', 'bkt', 'k').origin).toBe(
      'https://bkt.s3.dualstack.eu-west-1.amazonaws.com',
    )
    expect(objectLocation(store, 'publicEndpoint', 'bkt', 'k').origin).toBe(
      'https://bkt.files.example:8443',
    )
  })

  it.each([
    ['https://s3.example.test:443', 'https://s3.example.test'],
    ['http://s3.example.test:80', 'http://s3.example.test'],
    ['https://s3.example.test:80', 'https://s3.example.test:80'],
    ['http://s3.example.test:443', 'http://s3.example.test:443'],
    ['http://127.0.0.1:9000', 'http://127.0.0.1:9000'],
    ['http://[::1]:9000', 'http://[::1]:9000'],
    ['https://S3.Example.Test/', 'https://s3.example.test'],
  ])('has the origin that a client sends: %s is %s', (endpoint, origin) => {
    expect(objectLocation(exampleStore({ endpoint }), 'endpoint', 'b', 'k').origin).toBe(origin)
  })

  it('tells the public endpoint from our own', () => {
    const store = exampleStore({ publicEndpoint: 'https://cdn.example.test' })
    expect(objectLocation(store, 'publicEndpoint', 'b', 'k').origin).toBe(
      'https://cdn.example.test',
    )
    expect(objectLocation(store, 'endpoint', 'b', 'k').origin).toBe('https://s3.example.test')
  })

  it('has the base path of the provider in front', () => {
    const store = exampleStore({ provider: 'supabase' })
    expect(objectLocation(store, 'endpoint', 'b', 'k').path).toBe('/storage/v1/s3/b/k')
    expect(bucketLocation(store, 'endpoint', 'b').path).toBe('/storage/v1/s3/b')
  })

  it('never is that of a bucket', () => {
    expect(() => objectLocation(exampleStore(), 'endpoint', 'b', '')).toThrow('without a key')
    expect(bucketLocation(exampleStore(), 'endpoint', 'b').path).toBe('/b')
    const virtual = exampleStore({ addressing: 'virtual' })
    expect(bucketLocation(virtual, 'endpoint', 'b')).toEqual({
      origin: 'https://b.s3.example.test',
      path: '/',
    })
  })

  it('decodes to the key, whatever it is, and only slashes part it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (key) => {
        const { path } = objectLocation(exampleStore(), 'endpoint', 'b', key)
        expect(path.split('/').map(decodeURIComponent).join('/')).toBe(`/b/${key}`)
        expect(path).toMatch(/^\/b\/[A-Za-z0-9\-._~%/]+$/)
      }),
    )
  })

  it('is below the prefix of the placement', () => {
    expect(placedKey(placeOf('a/b', { prefix: 'eu/' }))).toBe('eu/a/b')
  })
})
