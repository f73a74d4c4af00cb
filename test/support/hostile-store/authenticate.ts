import { type ClaimedSignature, signatureOf } from '../sigv4-verifier.ts'
import type { Call, HostileCredential } from './call.ts'
import { accessDenied, S3Error } from './s3-error.ts'
import { signatureMismatch, tamperedWith } from './tampering.ts'
import { refuseUnsigned } from './unsigned-headers.ts'

/** How far a date may be off (S3 API, RequestTimeTooSkewed; a URL of the future likewise). */
const MAX_SKEW_MS = 900_000
const MAX_EXPIRES_SECONDS = 604_800
/** How long `expiryLate` goes on. */
const LATE_MS = 900_000

/** A signature as it is claimed, by query or by header. */
export interface Claim extends ClaimedSignature {
  readonly credential: HostileCredential
  readonly signature: string
}

/**
 * Finds out who signed a request and which headers. Without any signature it is anonymous; one that
 * is wrong throws, in the order in which AWS looks: form, key, scope, time, signature, and then
 * headers that should have been signed.
 */
export function authenticate(call: Call): void {
  const byQuery = call.query('X-Amz-Algorithm') ?? call.query('X-Amz-Signature')
  const authorization = call.header('authorization')
  if (byQuery !== undefined && authorization !== undefined) {
    throw new S3Error(400, 'InvalidArgument', 'Only one auth mechanism allowed')
  }
  if (byQuery === undefined && authorization === undefined) return
  const claim = authorization === undefined ? queryClaim(call) : headerClaim(call, authorization)
  if (!isRight(call, claim)) {
    const { lies } = tamperedWith(call, claim)
    call.refuse(signatureMismatch(), 'signatureIgnored', ...lies)
  }
  if (!claim.signedNames.includes('host')) throw accessDenied('Host must be signed')
  call.credential = claim.credential
  call.signed = new Set(claim.signedNames)
  refuseUnsigned(call)
}

function isRight(call: Call, claim: Claim): boolean {
  const { secretAccessKey } = claim.credential
  return signatureOf(call.received, claim, secretAccessKey) === claim.signature
}

function queryClaim(call: Call): Claim {
  const names = ['X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-Date', 'X-Amz-SignedHeaders']
  if (names.some((name) => call.query(name) === undefined)) throw badQuery('a parameter is missing')
  const wanted = lastingSeconds(call)
  const date = call.query('X-Amz-Date') ?? ''
  const claim: Claim = {
    ...scopeOf(call, call.query('X-Amz-Credential') ?? '', badQuery),
    date,
    signedNames: (call.query('X-Amz-SignedHeaders') ?? '').split(';'),
    signature: call.query('X-Amz-Signature') ?? '',
  }
  const signedMs = dateMs(date)
  const nowMs = call.world.nowMs()
  const aheadMs = signedMs - nowMs
  if (aheadMs > 0 && call.lies('futureRefused')) throw accessDenied('Request is not yet valid')
  if (aheadMs > MAX_SKEW_MS) {
    call.refuse(accessDenied('Request is not yet valid'), 'futureUnchecked')
  }
  const overMs = nowMs - (signedMs + wanted * 1_000)
  if (overMs > 0) {
    const forgiving = overMs <= LATE_MS ? (['expiryLate'] as const) : []
    call.refuse(accessDenied('Request has expired'), 'expiryIgnored', ...forgiving)
  }
  return claim
}

function lastingSeconds(call: Call): number {
  const all = call.received.pairs.filter(([name]) => name === 'X-Amz-Expires')
  const text = (call.lies('duplicateExpires') ? all.at(-1) : all[0])?.[1]
  if (text === undefined) {
    call.refuse(badQuery('X-Amz-Expires is missing'), 'expiryMissing')
    return Number.POSITIVE_INFINITY
  }
  const seconds = Number(text)
  if (!Number.isInteger(seconds) || seconds < 0) throw badQuery('X-Amz-Expires is no number')
  if (seconds > MAX_EXPIRES_SECONDS) call.refuse(badQuery('X-Amz-Expires'), 'expiryUncapped')
  return seconds
}

function headerClaim(call: Call, authorization: string): Claim {
  const parsed =
    /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)$/.exec(
      authorization,
    )
  const [, credential = '', signedNames = '', signature = ''] = parsed ?? []
  if (parsed === null) throw badHeader('the header is malformed')
  const date = call.header('x-amz-date') ?? ''
  const claim = { ...scopeOf(call, credential, badHeader), date, signature }
  if (Math.abs(dateMs(date) - call.world.nowMs()) > MAX_SKEW_MS) {
    throw new S3Error(403, 'RequestTimeTooSkewed', 'The difference of the times is too large')
  }
  if (call.header('x-amz-content-sha256') === undefined) {
    throw new S3Error(400, 'InvalidRequest', 'Missing required header x-amz-content-sha256')
  }
  return { ...claim, signedNames: signedNames.split(';') }
}

/** The credential and the rest of what stands behind the access key; checks region and service. */
export function scopeOf(
  { world }: Pick<Call, 'world'>,
  text: string,
  malformed: (what: string, more?: Record<string, string>) => S3Error,
): Pick<Claim, 'credential' | 'scope'> {
  const [accessKeyId, ...scope] = text.split('/')
  const [, region, service, end] = scope
  if (scope.length !== 4 || service !== 's3' || end !== 'aws4_request') throw malformed('the scope')
  const credential = world.credentials.find((one) => one.accessKeyId === accessKeyId)
  if (credential === undefined) {
    throw new S3Error(403, 'InvalidAccessKeyId', 'The access key does not exist')
  }
  if (region !== world.region && !world.lies.has('regionUnchecked')) {
    throw malformed(`the region '${region}' is wrong; expecting '${world.region}'`, {
      Region: world.region,
    })
  }
  return { credential, scope }
}

/** Milliseconds of `YYYYMMDDTHHMMSSZ`. */
export function dateMs(text: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)
  if (parts === null) throw badQuery('X-Amz-Date')
  const [, year, month, day, hour, minute, second] = parts
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
}

function badQuery(what: string, more?: Record<string, string>): S3Error {
  return new S3Error(400, 'AuthorizationQueryParametersError', `Error parsing: ${what}`, more)
}

function badHeader(what: string, more?: Record<string, string>): S3Error {
  return new S3Error(400, 'AuthorizationHeaderMalformed', `Error parsing: ${what}`, more)
}
