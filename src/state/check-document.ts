import { GatewayError } from '../errors.ts'
import { MAX_DOCUMENT_BYTES, MAX_DOCUMENTS } from './port.ts'

const NAME = /^[a-zA-Z0-9._:/-]{1,4096}$/
const KIND = /^[a-zA-Z0-9._:-]{1,512}$/

/** The kind of a document: its name up to the first `/`. */
export function kindOf(name: string): string {
  return name.split('/', 1)[0] ?? ''
}

/** Throws `InternalError` for a name that no document may have: a fault of the program. */
export function checkName(name: string): void {
  if (!NAME.test(name) || name.startsWith('/')) {
    throw new GatewayError('InternalError', 'Cannot name a document: the name is not as it must be')
  }
}

/** Throws `InternalError` for a document that no driver may keep: a fault of the program. */
export function checkDocument(document: {
  readonly name: string
  readonly value: string
  readonly ifVersion?: number
}): void {
  checkName(document.name)
  checkVersion(document.ifVersion)
  const sizeBytes = new TextEncoder().encode(document.value).byteLength
  if (sizeBytes <= MAX_DOCUMENT_BYTES && document.value.isWellFormed()) return
  throw new GatewayError(
    'InternalError',
    `Cannot keep the document "${document.name}": it is not text of ${MAX_DOCUMENT_BYTES} bytes at most`,
  )
}

/** Throws `InternalError` for what is no version: a fault of the program. */
export function checkVersion(version: number | undefined): void {
  if (version === undefined || (Number.isSafeInteger(version) && version >= 0)) return
  throw new GatewayError('InternalError', `Cannot compare versions: ${version} is none`)
}

/** Throws `InternalError` for a page that no driver may read: a fault of the program. */
export function checkPage(request: {
  readonly kind: string
  readonly after?: string
  readonly limit: number
}): void {
  if (request.after !== undefined) checkName(request.after)
  checkKindAndLimit(request)
}

/** Throws `InternalError` for changes that no driver may read: a fault of the program. */
export function checkChanges(request: {
  readonly kind: string
  readonly after: number
  readonly limit: number
}): void {
  checkKindAndLimit(request)
  if (Number.isSafeInteger(request.after) && request.after >= 0) return
  throw new GatewayError('InternalError', `Cannot list changes: ${request.after} is no position`)
}

function checkKindAndLimit({ kind, limit }: { readonly kind: string; readonly limit: number }) {
  if (KIND.test(kind) && Number.isInteger(limit) && limit >= 1 && limit <= MAX_DOCUMENTS) return
  throw new GatewayError('InternalError', 'Cannot list documents: no such kind or limit')
}
