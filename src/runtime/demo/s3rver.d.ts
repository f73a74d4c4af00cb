/** The part of `@20minutes/s3rver` 5 that Signet uses; the package itself brings no types. */
declare module '@20minutes/s3rver' {
  import type { RequestListener } from 'node:http'
  import type { Readable } from 'node:stream'

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
    /** What a request passes through, the outermost first; read by `callback()`. */
    readonly middleware: S3rver.Middleware[]
    readonly logger: { close(): void }
  }

  namespace S3rver {
    /** What a part became on disk. */
    interface Written {
      size: number
      /** 32 hexadecimal digits. */
      md5: string
    }

    /** Where objects are kept, as far as parts of objects are concerned. */
    interface Store {
      /** Writes `content` and its MD5 to files of the upload's folder named after `partNumber`. */
      putPart(
        bucket: string,
        uploadId: string,
        partNumber: string,
        content: Readable,
      ): Promise<Written>
      /** Makes the object of the parts' files, and removes the upload's folder. */
      putObjectMultipart(
        bucket: string,
        uploadId: string,
        parts: readonly { number: number; etag: string }[],
      ): Promise<Written>
    }

    /** A request and its answer, as Koa and its router have them. */
    interface Context {
      readonly method: string
      readonly query: Readonly<Record<string, string | string[] | undefined>>
      /** Set by the router: the bucket, the decoded key, and what the query names, like `uploads`. */
      readonly params?: { bucket?: string; key?: string; queryMethod?: string }
      /** `account` is there once the signature was found to be right. */
      readonly state: { readonly account?: unknown }
      /** The application's, unless a request is given one of its own. */
      store: Store
      status: number
      type: string
      body: unknown
    }

    type Middleware = (ctx: Context, next: () => Promise<void>) => Promise<void>
  }

  export = S3rver
}
