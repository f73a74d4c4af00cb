import { describe, expect, it } from 'vitest'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { createAws4fetchPresigner } from '../../src/signing/aws4fetch-presigner.ts'
import { signForm } from '../../src/signing/form-grant.ts'
import { signGet } from '../../src/signing/get-grant.ts'
import { createNativePresigner } from '../../src/signing/native-presigner.ts'
import { signParts } from '../../src/signing/part-grants.ts'
import { signPut } from '../../src/signing/put-grant.ts'
import { EXAMPLE_CREDENTIAL, placeOf, storeWith } from '../stores/store-fixture.ts'
import { isRightlySigned } from '../support/sigv4-verifier.ts'
import { EXAMPLE_DATE_MS, rawQuery } from './presign-fixture.ts'

const DRIVERS = [
  ['aws4fetch', createAws4fetchPresigner()],
  ['native', createNativePresigner(nodeHashing)],
] as const
const SECRET = EXAMPLE_CREDENTIAL.secretAccessKey.reveal()

describe.each(DRIVERS)('grants around midnight, signed by %s', (_, presigner) => {
  // EXAMPLE_DATE_MS is a midnight. The day of the scope is that of the date, never that of the clock.
  it.each([
    [29_999, 30, '20130523T235959Z', '20130523'],
    [30_000, 30, '20130524T000000Z', '20130524'],
    [0, 0, '20130524T000000Z', '20130524'],
    [0, 900, '20130523T234500Z', '20130523'],
    [-1_000, 30, '20130523T235929Z', '20130523'],
  ])(
    '%d ms past it and %d s back are %s, of that day, and end as promised',
    async (pastMs, backdateSeconds, date, day) => {
      const place = placeOf('k', { store: storeWith({ backdateSeconds }) })
      const nowMs = EXAMPLE_DATE_MS + pastMs
      const expiresAtMs = Math.floor(nowMs / 1000) * 1000 + 300_000
      const common = { place, nowMs, expiresAtMs }
      const object = { contentType: 'image/jpeg', metadata: new Map(), ticket: 't1' }
      const put = await signPut(presigner, { ...common, ...object, sizeBytes: 5, writeOnce: true })
      const get = await signGet(presigner, { ...common, disposition: 'attachment' })
      const [part] = await signParts(presigner, {
        ...common,
        uploadId: 'one',
        parts: [{ partNumber: 1, sizeBytes: 5 }],
      })
      const sent = { 'content-length': '5', host: 's3.example.test' }
      for (const grant of [put, get, part?.request]) {
        const url = grant?.url.reveal() ?? ''
        expect(rawQuery(url, 'X-Amz-Date')).toBe(date)
        expect(rawQuery(url, 'X-Amz-Credential')?.split('%2F')[1]).toBe(day)
        expect(rawQuery(url, 'X-Amz-Expires')).toBe(String(300 + backdateSeconds))
        expect(grant?.expiresAtMs).toBe(expiresAtMs)
        const { pathname, search } = new URL(url)
        const method = grant?.method ?? ''
        const headers = { ...sent, ...grant?.headers }
        expect(isRightlySigned({ method, target: pathname + search, headers }, SECRET)).toBe(true)
      }
      const form = await signForm(presigner, { ...common, ...object, minBytes: 0, maxBytes: 5 })
      const fields = new Map(Object.entries(form.fields.reveal()))
      expect(fields.get('x-amz-date')).toBe(date)
      expect(fields.get('x-amz-credential')?.split('/')[1]).toBe(day)
      expect(form.expiresAtMs).toBe(expiresAtMs)
      const policy = Buffer.from(fields.get('policy') ?? '', 'base64').toString()
      expect(policy).toContain(`"expiration":"${new Date(expiresAtMs).toISOString()}"`)
    },
  )
})
