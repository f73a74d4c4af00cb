import type { CorsRule } from './cors-rules.ts'

/** What has to be set, for the text of an advice. */
interface Wanted {
  readonly bucket: string
  readonly rule: CorsRule
}

/**
 * What lets pages in where S3's own request does not, by provider; lines for a person (`providers.md`
 * sections 1d and 7, `stores.md` 6.2).
 */
const ADVICE: ReadonlyMap<string, (wanted: Wanted) => readonly string[]> = new Map([
  [
    'minio',
    ({ rule }: Wanted) => [
      'MinIO has one setting for the whole server, its environment variable:',
      `MINIO_API_CORS_ALLOW_ORIGIN=${rule.origins.join(',')}`,
    ],
  ],
  [
    'swift',
    ({ bucket, rule }: Wanted) => [
      "Preflights are a setting of the cluster, in the section [filter:s3api] of the proxy's configuration:",
      `cors_preflight_allow_origin = ${rule.origins.join(', ')}`,
      `Answers are a setting of the container, by Swift's own API, on "${bucket}" and on "${bucket}+segments":`,
      `X-Container-Meta-Access-Control-Allow-Origin: ${rule.origins.join(' ')}`,
      `X-Container-Meta-Access-Control-Expose-Headers: ${rule.exposed.join(' ')}`,
    ],
  ],
  [
    'gcs',
    ({ bucket, rule }: Wanted) => [
      'Google Cloud Storage has an API of its own for this. Put into a file cors.json:',
      JSON.stringify([
        {
          origin: rule.origins,
          method: rule.methods,
          responseHeader: [...rule.headers, ...rule.exposed],
          maxAgeSeconds: rule.maxAgeSeconds,
        },
      ]),
      `gcloud storage buckets update gs://${bucket} --cors-file=cors.json`,
    ],
  ],
  ['storj', () => ['Storj lets pages of every origin in; there is nothing to set.']],
  [
    'supabase',
    () => [
      'Supabase Storage has no setting for this: what the preflights were answered is what there is.',
    ],
  ],
])

/**
 * What an operator sets at a store without S3's requests for rules of browsers, line by line; lines of
 * settings stand as they are typed. `bucket`: the store's own.
 */
export function corsAdvice(provider: string, wanted: Wanted): readonly string[] {
  const known = ADVICE.get(provider)
  if (known !== undefined) return known(wanted)
  const { origins, methods, headers, exposed } = wanted.rule
  return [
    "The store does not know S3's requests for CORS rules. Set in its console or its configuration:",
    `origins ${origins.join(' ')}`,
    `methods ${methods.join(' ')}`,
    `request headers ${headers.join(' ')}`,
    `exposed headers ${exposed.join(' ')}`,
  ]
}
