import { ERRORS, type ErrorCode, GatewayError } from './errors.ts'

/**
 * What a call to a Durable Object came to. Errors lose their class on the way, and with it what they
 * mean: so one of ours travels as a value, and all else is no answer.
 */
export type Outcome<Value> =
  | { readonly value: Value }
  | { readonly code: ErrorCode; readonly message: string; readonly cause?: string }

/** A method as it is called from elsewhere: a stub's, or whatever stands in for one. */
export type Remote<Method> = Method extends (...values: infer Values) => Promise<infer Value>
  ? (...values: Values) => Promise<Outcome<Value>>
  : never

/** The object's half: runs the work, and turns an error of ours into a value. */
export async function outcomeOf<Value>(work: () => Promise<Value>): Promise<Outcome<Value>> {
  try {
    return { value: await work() }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    const { code, message, cause } = error
    return { code, message, ...(cause instanceof Error && { cause: cause.message }) }
  }
}

export interface CallOptions {
  /** What stays undone, for the message: "decide". */
  readonly what: string
  /** Sends it once more when the object could not be asked: only for what counts once however often it comes. */
  readonly again: boolean
  /** Until nobody waits any more, in milliseconds. Default 5,000. */
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 5_000

/**
 * The caller's half: the value, or the object's own error. Throws `Overloaded` for an object that has more
 * to do than it can, and `LedgerUnavailable` for all else, also when no answer comes in time: then nobody
 * knows what was done.
 */
export async function callObject<Value>(
  call: () => Promise<Outcome<Value>>,
  { what, again, timeoutMs = TIMEOUT_MS }: CallOptions,
): Promise<Value> {
  let outcome: Outcome<Value>
  try {
    outcome = await within(timeoutMs, call).catch((error: unknown) => {
      if (!again || !mayAskAgain(error)) throw error
      return within(timeoutMs, call)
    })
  } catch (cause) {
    throw noAnswer(what, cause)
  }
  if (!('code' in outcome)) return outcome.value
  // An object of a newer version may know a code that this one does not.
  const code = Object.hasOwn(ERRORS, outcome.code) ? outcome.code : 'LedgerUnavailable'
  const { message, cause } = outcome
  throw new GatewayError(code, message, cause === undefined ? {} : { cause: new Error(cause) })
}

class TimeoutError extends Error {}

/** What the runtime says of an error of an object: https://developers.cloudflare.com/durable-objects/best-practices/error-handling */
interface ObjectError {
  readonly retryable?: boolean
  readonly overloaded?: boolean
}

function mayAskAgain(error: unknown): boolean {
  const { retryable, overloaded } = (error ?? {}) as ObjectError
  return !(error instanceof TimeoutError) && retryable === true && overloaded !== true
}

function noAnswer(what: string, cause: unknown): GatewayError {
  if (((cause ?? {}) as ObjectError).overloaded === true) {
    return new GatewayError('Overloaded', `Cannot ${what}: the object is busy`, { cause })
  }
  return new GatewayError('LedgerUnavailable', `Cannot ${what}: the object does not answer`, {
    cause,
  })
}

async function within<Value>(timeoutMs: number, call: () => Promise<Value>): Promise<Value> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new TimeoutError('no answer came in time')), timeoutMs)
  try {
    return await Promise.race([call(), tooLate])
  } finally {
    clearTimeout(timer)
  }
}
