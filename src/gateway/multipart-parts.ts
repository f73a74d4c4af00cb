import { partSize } from '../signing/multipart-plan.ts'
import { type PartGrant, signParts } from '../signing/part-grants.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import type { MultipartNote } from './reservation-note.ts'
import { guardSigner } from './sign-upload.ts'

/** A part as a caller asks for it. */
export interface WantedPart {
  /** 1 and up. */
  readonly partNumber: number
  /** Base64 of 32 bytes. */
  readonly sha256?: string | undefined
}

/** Parts of one upload that are to be signed, by what was planned for it. */
export interface PartsToSign {
  readonly place: ObjectPlace
  readonly multipart: MultipartNote & { readonly id: string }
  /** Of the whole object. */
  readonly sizeBytes: number
  readonly parts: readonly WantedPart[]
  readonly nowMs: number
  readonly expiresAtMs: number
}

/** Signs part URLs, each for its exact length. */
export function signPlannedParts(
  context: Pick<GatewayContext, 'presigner' | 'telemetry'>,
  { place, multipart, sizeBytes, parts, nowMs, expiresAtMs }: PartsToSign,
): Promise<readonly PartGrant[]> {
  return guardSigner(context, place, () =>
    signParts(context.presigner, {
      place,
      uploadId: multipart.id,
      parts: parts.map(({ partNumber, sha256 }) => ({
        partNumber,
        sizeBytes: partSize(multipart, sizeBytes, partNumber),
        ...(sha256 !== undefined && { sha256 }),
      })),
      nowMs,
      expiresAtMs,
    }),
  )
}
