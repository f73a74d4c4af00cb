/** The part of `@20minutes/s3rver` 5 that Signet uses; the package itself brings no types. */
declare module '@20minutes/s3rver' {
  import type { RequestListener } from 'node:http'

  interface S3rverOptions {
    /** Folder of the buckets; must exist. */
    directory: string
    /** No line per request on the console. */
    silent: boolean
    /** Takes every host name that is no IP address for a bucket's name. */
    vhostBuckets: boolean
    configureBuckets: { name: string; configs: string[] }[]
  }

  /** A Koa application; this package is CommonJS, and the class its whole export. */
  class S3rver {
    constructor(options: S3rverOptions)
    /** Creates the buckets of `configureBuckets`. Repeating it is safe. */
    configureBuckets(): Promise<unknown>
    /** The handler of every request, for an HTTP server of one's own. */
    callback(): RequestListener
    readonly logger: { close(): void }
  }

  export = S3rver
}
