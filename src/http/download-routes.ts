import * as z from 'zod/mini'
import { toTimestamp } from '../clock.ts'
import type { WantedDownload } from '../gateway/sign-download.ts'
import { lazily } from '../lazily.ts'
import type { Grant } from '../signing/grant.ts'
import { grantView } from './grant-view.ts'
import { BODY_CAPS, type Route, route } from './route.ts'
import {
  downloadSchema,
  downloadsSchema,
  wantedDownloadSchema,
  wantedDownloadsSchema,
} from './schemas.ts'

const signing = lazily(() => import('../gateway/sign-download.ts'))

const post = route({
  method: 'POST',
  path: '/v1/downloads',
  operationId: 'signDownload',
  summary: 'Sign one download, or up to 1,000 under "items": all or none',
  body: wantedDownloadSchema,
  alternativeBodies: { items: wantedDownloadsSchema },
  maxBodyBytes: BODY_CAPS.items,
  responses: {
    200: {
      description: 'The grant, or the grants',
      schema: z.union([downloadSchema, downloadsSchema]),
    },
  },
  errors: [
    'InvalidKey',
    'AccessDenied',
    'QuotaExceeded',
    'UnsupportedByStore',
    'SlowDown',
    'LedgerUnavailable',
    'StoreUnavailable',
    'Overloaded',
  ],
  async handle({ context, principal, requestId, body }) {
    const { signDownloads } = await signing()
    const many = (body as z.output<typeof wantedDownloadsSchema>).items
    if (many === undefined) {
      const wanted = [body as WantedDownload] as const
      const [grant] = await signDownloads(context, { principal, wanted, requestId })
      return Response.json(grant === undefined ? {} : downloadView(grant))
    }
    const wanted = many as [WantedDownload, ...WantedDownload[]]
    const grants = await signDownloads(context, { principal, wanted, requestId })
    return Response.json({ items: grants.map(downloadView) })
  },
})

/** Routes of downloads. */
export const DOWNLOAD_ROUTES: readonly Route[] = [post]

function downloadView(grant: Grant) {
  return { request: grantView(grant), expiresAt: toTimestamp(grant.expiresAtMs) }
}
