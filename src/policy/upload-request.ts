import { GatewayError } from '../errors.ts'
import { invalidMember } from './invalid.ts'

/** S3 User Guide, object metadata: names and values of an object, its ticket too, in bytes. */
export const MAX_METADATA_BYTES = 2 * 1024

/** How many entries of metadata a caller may send. */
export const MAX_METADATA_ENTRIES = 50

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,63})$/
// Values travel as header fields; a space at either end would not come through.
const VALUE = /^[!-~](?:[ -~]*[!-~])?$/

/**
 * The caller's metadata, taken as it is or refused with `InvalidRequest` that names each bad entry.
 * Names: 1 to 64 of `a-z 0-9 -`, not `signet`, which is the ticket's, and nothing that starts with
 * `x-amz`. Values: printable ASCII, not empty, no space at either end, not two spaces in a row. In all at most
 * 2,048 bytes less `reservedBytes`, which other metadata of the object takes up.
 */
export function acceptMetadata(
  metadata: ReadonlyMap<string, string>,
  { reservedBytes = 0 }: { readonly reservedBytes?: number } = {},
): ReadonlyMap<string, string> {
  if (metadata.size > MAX_METADATA_ENTRIES) {
    throw invalidMember('metadata', `must have at most ${MAX_METADATA_ENTRIES} entries`)
  }
  let bytes = 0
  for (const [name, value] of metadata) {
    const problem = nameProblem(name) ?? valueProblem(value)
    if (problem !== undefined) throw invalidMember(pathOf(name), problem)
    bytes += name.length + value.length
  }
  const maxBytes = MAX_METADATA_BYTES - reservedBytes
  if (bytes > maxBytes) throw invalidMember('metadata', `must be at most ${maxBytes} bytes in all`)
  return metadata
}

/** Passes up to the bucket's largest object. Throws `EntityTooLarge`. */
export function acceptSize(
  sizeBytes: number,
  bucket: { readonly name: string; readonly upload: { readonly maxSizeBytes: number } },
): void {
  const { maxSizeBytes } = bucket.upload
  if (sizeBytes <= maxSizeBytes) return
  throw new GatewayError(
    'EntityTooLarge',
    `Cannot upload ${sizeBytes} bytes: bucket "${bucket.name}" takes at most ${maxSizeBytes}`,
  )
}

function nameProblem(name: string): string | undefined {
  if (!NAME.test(name)) return 'must be named with 1 to 64 of a-z, 0-9 and "-"'
  if (name === 'signet') return 'is reserved'
  if (name.startsWith('x-amz')) return 'must not start with "x-amz"'
  return undefined
}

function valueProblem(value: string): string | undefined {
  if (!VALUE.test(value)) return 'must be printable ASCII, not empty, without a space at either end'
  // Signing collapses runs of spaces (SigV4, canonical headers), stores do not.
  if (value.includes('  ')) return 'must not have two spaces in a row'
  return undefined
}

// A name that is no name is not repeated: it may hold anything.
function pathOf(name: string): string {
  return NAME.test(name) ? `metadata.${name}` : 'metadata'
}
