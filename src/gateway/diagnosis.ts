import type { UploadStatus } from './upload-view.ts'

/** What a diagnosis can find. Codes are API: add freely, never rename. */
export const FINDING_CODES = [
  // How the upload stands.
  'upload-completed',
  'upload-aborted',
  'upload-expired',
  'upload-rejected',
  'grant-lives',
  'grant-ended',
  'store-lacks',
  // What the store has.
  'store-away',
  'clock-right',
  'clock-off',
  'object-arrived',
  'object-unsettled',
  'object-missing',
  'object-foreign',
  'object-size',
  'parts-complete',
  'parts-missing',
  'parts-size',
  'parts-unknown',
  // What a browser is told.
  'origin-missing',
  'mixed-content',
  'cors-unanswered',
  'cors-refused',
  'cors-allowed',
  'answer-hidden',
  'etag-hidden',
  'header-unsigned',
  'send-exactly',
] as const
export type FindingCode = (typeof FINDING_CODES)[number]

/** `problem`: stands in the way. `hint`: may do so, or is to be known. `ok`: was looked at, and is right. */
export const FINDING_LEVELS = ['problem', 'hint', 'ok'] as const
export type FindingLevel = (typeof FINDING_LEVELS)[number]

/** One thing that was found. Texts are for people: no URL, no secret, nothing of other callers. */
export interface Finding {
  readonly code: FindingCode
  readonly level: FindingLevel
  readonly message: string
  /** What to do. */
  readonly fix?: string
}

/** Why an upload by a page may have failed. */
export interface Diagnosis {
  readonly id: string
  readonly status: UploadStatus
  /** Problems first, then hints. */
  readonly findings: readonly Finding[]
}
