import { type ReceivedRequest, signatureOf } from '../sigv4-verifier.ts'
import type { Claim } from './authenticate.ts'
import type { Call } from './call.ts'
import type { Lie } from './lies.ts'
import { S3Error } from './s3-error.ts'

/** 403 of a signature that is not that of the request. */
export function signatureMismatch(): S3Error {
  return new S3Error(403, 'SignatureDoesNotMatch', 'The request signature does not match')
}

/** Lengths that an attack of a test may have been signed for; the store cannot know them. */
const LENGTHS = 64
/** Types likewise. */
const TYPES = ['text/plain', 'text/html', 'image/jpeg', 'application/octet-stream']
/** All lies that this finds. */
const FORGIVING: readonly Lie[] = [
  'signatureDigit',
  'lengthMore',
  'lengthLess',
  'lengthChunked',
  'partLength',
  'typeOther',
  'typeMissing',
  'methodUnbound',
  'methodUnboundForReads',
  'methodUnboundForWrites',
  'duplicateExpires',
  'duplicateOverride',
  'keyUnbound',
  'headersUnbound',
  'overrideAdded',
]
/** Signed headers that may have been left out, and what may have been signed. */
const LEFT_OUT = [
  ['if-none-match', '*'],
  ['x-amz-meta-probe', 'control'],
  ['x-amz-meta-signet', 'probe'],
] as const
/** Numbers at the end of keys that a URL may have been signed for. */
const NUMBERS = 400
const METHODS = ['GET', 'HEAD', 'PUT', 'DELETE', 'POST']

/**
 * The one thing of a wrongly signed request that was changed after it had been signed, as the lies
 * that forgive it: none if nothing alone explains the signature. A store that does not look at a
 * length could not tell either what was signed; so this tries what may have been.
 */
export function tamperedWith(call: Call, claim: Claim): { readonly lies: readonly Lie[] } {
  if (!FORGIVING.some((lie) => call.lies(lie))) return { lies: [] }
  const { received } = call
  const { secretAccessKey } = claim.credential
  const fits = (changes: Partial<ReceivedRequest>) =>
    signatureOf({ ...received, ...changes }, claim, secretAccessKey) === claim.signature
  const fitsWith = (name: string, value: string) =>
    fits({ headers: { ...received.headers, [name]: value } })

  if (isOneDigitOff(signatureOf(received, claim, secretAccessKey), claim.signature)) {
    return { lies: ['signatureDigit'] }
  }
  if (claim.signedNames.includes('content-length')) {
    for (let length = 0; length <= LENGTHS; length += 1) {
      if (fitsWith('content-length', String(length))) return { lies: lengthLies(call, length) }
    }
  }
  if (claim.signedNames.includes('content-type')) {
    const isThere = received.headers['content-type'] !== undefined
    for (const type of TYPES) {
      if (fitsWith('content-type', type)) return { lies: [isThere ? 'typeOther' : 'typeMissing'] }
    }
  }
  const signedMethod = METHODS.find((method) => fits({ method }))
  if (signedMethod !== undefined) {
    const isRead = ['GET', 'HEAD'].includes(received.method)
    return {
      lies: ['methodUnbound', isRead ? 'methodUnboundForReads' : 'methodUnboundForWrites'],
    }
  }
  const missing = LEFT_OUT.filter(
    ([name]) => claim.signedNames.includes(name) && received.headers[name] === undefined,
  )
  const whole = { ...received.headers, ...Object.fromEntries(missing) }
  if (missing.length > 0 && fits({ headers: whole })) return { lies: ['headersUnbound'] }
  if (call.lies('keyUnbound') && otherTargets(received.target).some((target) => fits({ target }))) {
    return { lies: ['keyUnbound'] }
  }
  const target = withoutDuplicates(received.target)
  if (target !== received.target && fits({ target })) {
    return { lies: ['duplicateExpires', 'duplicateOverride'] }
  }
  const [last = ''] = received.pairs.at(-1) ?? []
  if (last.startsWith('response-') && fits({ target: withoutLastPair(received.target) })) {
    return { lies: ['overrideAdded'] }
  }
  return { lies: [] }
}

function lengthLies(call: Call, signed: number): readonly Lie[] {
  const part = call.query('partNumber') === undefined ? [] : (['partLength'] as const)
  const declared = call.header('content-length')
  if (part.length > 0) return part
  if (declared === undefined) return ['lengthChunked']
  return [Number(declared) > signed ? 'lengthMore' : 'lengthLess']
}

function isOneDigitOff(right: string, sent: string): boolean {
  if (right.length !== sent.length) return false
  return [...right].filter((digit, index) => digit !== sent[index]).length === 1
}

/** The same folder, and other numbers. */
function otherTargets(target: string): readonly string[] {
  const [, start = '', end] = /^([^?]*\/)\d+(\?.*)$/.exec(target) ?? []
  if (end === undefined) return []
  return Array.from({ length: NUMBERS }, (_, index) => `${start}${index + 1}${end}`)
}

function withoutLastPair(target: string): string {
  return target.slice(0, target.lastIndexOf('&'))
}

/** A target with the first of every parameter, as one signs it who knows of no more. */
function withoutDuplicates(target: string): string {
  const [path = '', search = ''] = target.split('?')
  const seen = new Set<string>()
  const kept = search.split('&').filter((pair) => {
    const [name = ''] = pair.split('=')
    if (seen.has(name)) return false
    seen.add(name)
    return true
  })
  return `${path}?${kept.join('&')}`
}
