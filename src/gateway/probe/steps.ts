import { probeRegion } from './bucket.ts'
import { probeIfMatch, probeWriteOnce } from './conditions.ts'
import { probeChecksums, probeContentMd5, probePayloadHash } from './content.ts'
import { probeLength, probeSignatures, probeType } from './control.ts'
import { probeCopies } from './copy.ts'
import { probeCors } from './cors.ts'
import { probeDuplicates } from './duplicates.ts'
import { probeExpiry, probeFuture } from './expiry.ts'
import { probePostPolicy } from './form.ts'
import { probeUnsignedHeaders } from './headers.ts'
import { probeKeys } from './keys.ts'
import type { Looked, Tells } from './look.ts'
import { probeCompleteOnce, probeParts, probePartTags, probeUnequalParts } from './parts.ts'
import { probeMethods, probeOverrides } from './reads.ts'
import type { ProbeRun } from './run.ts'
import { probeEncryption, probePins, probeTagging } from './signed-headers.ts'

/** One look at a store that knows nothing of the others: it writes under keys of its own. */
export interface ProbeStep {
  /** What it tells whenever it comes to an end. */
  readonly tells: Tells
  readonly look: (run: ProbeRun) => Promise<Looked>
}

/**
 * All steps of `providers.md` section 3 but those that every probe begins and ends with: the greeting
 * (1), the control (3, 26), and the cleaning up (27). Several share a look where one conclusion needs
 * them all.
 */
export const PROBE_STEPS: readonly ProbeStep[] = [
  { tells: [[1, 'regionChecked']], look: probeRegion },
  { tells: [[2, 'signatures']], look: probeSignatures },
  { tells: [[4, 'methodBound']], look: probeMethods },
  { tells: [[5, 'signedLength']], look: probeLength },
  { tells: [[6, 'signedType']], look: probeType },
  {
    tells: [
      [7, 'unsignedCopySource'],
      [8, 'unsignedCopySource'],
      [9, 'writeCredentialReads'],
    ],
    look: probeCopies,
  },
  { tells: [[10, 'unsignedHeaders']], look: probeUnsignedHeaders },
  { tells: [[11, 'fixedHeaders']], look: probePins },
  { tells: [[11, 'tagging']], look: probeTagging },
  { tells: [[11, 'encryption']], look: probeEncryption },
  { tells: [[12, 'writeOnce']], look: probeWriteOnce },
  { tells: [[13, 'writeOnceMultipart']], look: probeCompleteOnce },
  { tells: [[14, 'ifMatch']], look: probeIfMatch },
  { tells: [[15, 'checksums']], look: probeChecksums },
  { tells: [[16, 'contentMd5']], look: probeContentMd5 },
  { tells: [[17, 'payloadHash']], look: probePayloadHash },
  { tells: [[18, 'expiry']], look: probeExpiry },
  { tells: [[19, 'futureSkewSeconds']], look: probeFuture },
  { tells: [[20, 'duplicateParameters']], look: probeDuplicates },
  { tells: [[21, 'keys']], look: probeKeys },
  { tells: [[22, 'responseOverrides']], look: probeOverrides },
  { tells: [[23, 'multipart']], look: probeParts },
  { tells: [[23, 'multipartTagging']], look: probePartTags },
  { tells: [[24, 'postPolicy']], look: probePostPolicy },
]

/** Step 25: only where pages of a browser upload. */
export const CORS_STEP: ProbeStep = { tells: [[25, 'cors']], look: probeCors }

/** Step 23 with parts of 5 MiB: only where that is asked for. */
export const FULL_STEP: ProbeStep = { tells: [[23, 'equalParts']], look: probeUnequalParts }
