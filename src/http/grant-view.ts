import { toTimestamp } from '../clock.ts'
import type { UploadGrant } from '../gateway/upload-grant.ts'
import type { Grant } from '../signing/grant.ts'
import type { PartGrant } from '../signing/part-grants.ts'

/*
 * Grants on the wire. The only place where a signed URL or form is revealed to a caller.
 */

/** One signed request. */
export function grantView(grant: Grant) {
  return { method: grant.method, url: grant.url.reveal(), headers: grant.headers }
}

/** One signed part of a multipart upload. */
export function partView({ partNumber, sizeBytes, request }: PartGrant) {
  return { partNumber, sizeBytes, request: grantView(request) }
}

/** The members of an upload that carry its grant, by its form. */
export function uploadGrantView(grant: UploadGrant) {
  switch (grant.form) {
    case 'put':
      return { expiresAt: toTimestamp(grant.expiresAtMs), request: grantView(grant.request) }
    case 'post': {
      const { url, fields, fileField, expiresAtMs } = grant.post
      const form = { url, fields: fields.reveal(), fileField }
      return { expiresAt: toTimestamp(expiresAtMs), form }
    }
    case 'multipart':
      return {
        multipart: {
          ...grant.plan,
          parts: grant.parts.map(partView),
          partsExpireAt: toTimestamp(grant.expiresAtMs),
        },
      }
  }
}
