import { expect, it } from 'vitest'
import { at, download, granted } from '../../signing/real-grants.ts'
import { newPlacement } from '../../stores/real-store.ts'
import { allowOriginOnSwift, allowOrigins } from './bucket-cors.ts'
import { APP_ORIGIN, describeOnCeph, describeOnSwift } from './stores-under-test.ts'

const OTHER_ORIGIN = 'http://other.example'

describeOnCeph('CORS on Ceph', (ceph) => {
  const opened = async () => {
    const place = at(await newPlacement(ceph))
    await allowOrigins(ceph, place.placement.bucket, [APP_ORIGIN])
    return place
  }

  it('200: a page may PUT by a grant with all of its headers, read the ETag, and GET', async () => {
    const place = await opened()
    const grant = await granted(place)
    const names = Object.keys(grant.headers).join(', ')
    const url = grant.url.reveal()
    const preflight = await fetch(url, preflightOf(APP_ORIGIN, 'PUT', names))
    expect([preflight.status, allowed(preflight)]).toEqual([200, APP_ORIGIN])
    const headers = { ...grant.headers, origin: APP_ORIGIN }
    const sent = await fetch(url, { method: 'PUT', headers, body: 'hello' })
    expect([sent.status, allowed(sent)]).toEqual([200, APP_ORIGIN])
    expect(sent.headers.get('access-control-expose-headers')).toMatch(/^etag$/i)
    const { url: source } = await download(place)
    const got = await fetch(source.reveal(), { headers: { origin: APP_ORIGIN } })
    expect([got.status, allowed(got)]).toEqual([200, APP_ORIGIN])
  })

  it('200: a page may POST a form', async () => {
    const place = await opened()
    const url = `${ceph.endpoint}/${place.placement.bucket}`
    const preflight = await fetch(url, preflightOf(APP_ORIGIN, 'POST', 'content-type'))
    expect([preflight.status, allowed(preflight)]).toEqual([200, APP_ORIGIN])
  })

  it.each([
    ['another origin', OTHER_ORIGIN, 'PUT', 'content-type'],
    ['another method', APP_ORIGIN, 'DELETE', 'content-type'],
    ['another header', APP_ORIGIN, 'PUT', 'x-other'],
  ])('403: a preflight from %s', async (_, origin, method, headers) => {
    const { url } = await granted(await opened())
    const preflight = await fetch(url.reveal(), preflightOf(origin, method, headers))
    expect([preflight.status, allowed(preflight)]).toEqual([403, null])
  })
})

describeOnSwift('CORS on Swift', (swift) => {
  it('200: a page may PUT by a grant and read the ETag; another origin reads nothing', async () => {
    const place = at(await newPlacement(swift))
    await allowOriginOnSwift(swift, place.placement.bucket, APP_ORIGIN)
    const grant = await granted(place)
    const url = grant.url.reveal()
    const names = Object.keys(grant.headers).join(', ')
    const preflight = await fetch(url, preflightOf(APP_ORIGIN, 'PUT', names))
    expect([preflight.status, allowed(preflight)]).toEqual([200, APP_ORIGIN])
    const answers = []
    for (const origin of [APP_ORIGIN, OTHER_ORIGIN]) {
      const headers = { ...grant.headers, origin }
      answers.push(await fetch(url, { method: 'PUT', headers, body: 'hello' }))
    }
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(answers.map(allowed)).toEqual([APP_ORIGIN, null])
    expect(answers[0]?.headers.get('access-control-expose-headers')).toContain('etag')
  })
})

function preflightOf(origin: string, method: string, headers: string): RequestInit {
  return {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': headers,
    },
  }
}

function allowed(response: Response): string | null {
  return response.headers.get('access-control-allow-origin')
}
