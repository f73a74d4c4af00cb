import type { Capabilities } from './capabilities.ts'

/** What a grant promises about the object, as a client reads it (`api.md`, Uploads). */
export interface Guarantees {
  /** `exact`: the signed length; `max`: an upper bound only. */
  readonly size: 'exact' | 'max'
  /** The object's type is the one that was asked for. */
  readonly contentType: boolean
  /** An object that exists already is not replaced. */
  readonly writeOnce: boolean
  /** `sha256`: the store refuses other bytes than those of the given SHA-256. */
  readonly checksum: 'none' | 'sha256'
}

/** What was asked for that a store may or may not keep. */
export interface AskedGuarantees {
  readonly writeOnce: boolean
  /** Whether the caller gave a SHA-256. */
  readonly sha256: boolean
}

/** What a single PUT to this store guarantees: of what was asked, only what the store was seen to keep. */
export function guaranteesOf(capabilities: Capabilities, asked: AskedGuarantees): Guarantees {
  return {
    size: capabilities.signedLength === 'yes' ? 'exact' : 'max',
    contentType: capabilities.signedType === 'yes',
    writeOnce: asked.writeOnce && capabilities.writeOnce === 'if-none-match',
    checksum: asked.sha256 && bindsContent(capabilities) ? 'sha256' : 'none',
  }
}

/** Whether a SHA-256 can be bound, by checksum header or by payload hash. */
export function bindsContent(capabilities: Capabilities): boolean {
  return capabilities.checksumSha256 === 'yes' || capabilities.payloadHash === 'yes'
}
