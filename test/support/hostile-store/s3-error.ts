/** An answer of S3 that is an error: status, code and text (S3 API, error responses). */
export class S3Error extends Error {
  readonly status: number
  readonly code: string
  /** More elements of the answer. */
  readonly more: Readonly<Record<string, string>>

  constructor(status: number, code: string, message: string, more: Record<string, string> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.more = more
  }
}

/** 403 `AccessDenied`, which says least. */
export function accessDenied(message = 'Access Denied'): S3Error {
  return new S3Error(403, 'AccessDenied', message)
}

/** 501 to what a store does not know. */
export function notImplemented(what: string): S3Error {
  return new S3Error(501, 'NotImplemented', `${what} is not implemented`)
}
