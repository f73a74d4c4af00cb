import { toAmzDate } from '../stores/amz-date.ts'
import type { PresignRequest } from './presigner.ts'

/** The credential scope of Signature Version 4: the UTC day of the same instant, region, service. */
export function credentialScope({
  signedAtMs,
  region,
}: Pick<PresignRequest, 'signedAtMs' | 'region'>): string {
  return `${toAmzDate(signedAtMs).slice(0, 8)}/${region}/s3/aws4_request`
}
