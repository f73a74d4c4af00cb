import { GatewayError } from '../../errors.ts'
import { errorCodeOf } from '../../stores/signed-call.ts'

/** A store's answer, as a probe writes it down. */
export interface Answer {
  readonly status: number
  /** S3's code of an error; `none` where there is none. */
  readonly code: string
}

/** The store did it. */
export function isTaken({ status }: { readonly status: number }): boolean {
  return status >= 200 && status < 300
}

/**
 * The store would not do it, and said so. A silence is neither: nobody knows what a 500 left behind, nor
 * what would have been said to a request that was one too many.
 */
export function isRefused({ status }: { readonly status: number }): boolean {
  return status >= 400 && !isSilence(status)
}

/** The credential may not. */
export function isDenied({ status }: { readonly status?: unknown }): boolean {
  return status === 401 || status === 403
}

/** Says nothing of what was asked: too late (408), too many (429), or the store is in trouble. */
export function isSilence(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501)
}

/** Reads what an answer says, and nothing else of it. */
export async function answerOf(response: Response): Promise<Answer> {
  if (isTaken(response)) {
    await response.body?.cancel().catch(() => {})
    return { status: response.status, code: 'none' }
  }
  return { status: response.status, code: await errorCodeOf(response) }
}

/** `403 AccessDenied`, or the status alone where the store gave no code. */
export function textOfAnswer({ status, code }: Answer): string {
  return code === 'none' || code === 'unreadable' ? String(status) : `${status} ${code}`
}

/**
 * True for an error after which something is known: the store answered one of the gateway's own calls
 * with a refusal, or with something that nobody can read. False where it gave no usable answer at all.
 */
export function isSettled(error: unknown): boolean {
  if (!(error instanceof GatewayError)) return true
  if (error.code !== 'StoreUnavailable') return true
  const { status, reason } = error.details.facts ?? {}
  if (typeof status === 'number') return !isSilence(status)
  return typeof reason === 'string' && reason.startsWith('Cannot read ')
}

/** True for what a store, and not a mistake of ours, made of a look. */
export function isOfStore(error: unknown): error is GatewayError {
  return (
    error instanceof GatewayError && ['StoreUnavailable', 'UnsupportedByStore'].includes(error.code)
  )
}

/** The same of an error, in the words of `textOfAnswer`. */
export function textOfError({ code, details }: GatewayError): string {
  const { status, reason, code: s3Code } = details.facts ?? {}
  if (typeof status === 'number') {
    return textOfAnswer({ status, code: typeof s3Code === 'string' ? s3Code : 'none' })
  }
  if (typeof reason === 'string') return reason
  return code === 'UnsupportedByStore' ? 'refused' : 'no answer'
}
