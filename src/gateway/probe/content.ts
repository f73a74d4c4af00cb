import type { ChecksumName } from '../../stores/traits.ts'
import { isOfStore, isTaken, textOfAnswer, textOfError } from './answer.ts'
import { capability, type Looked, together, type Verdict } from './look.ts'
import { OTHER_FIVE } from './request.ts'
import type { ProbeRun } from './run.ts'

/** Digests of `FIVE`: base64 of the bytes, big endian. */
const CHECKSUMS: Readonly<Record<ChecksumName, string>> = {
  CRC64NVME: 'M3eFcAZSQlc=',
  CRC32: 'NhCmhg==',
  CRC32C: 'mnG7TA==',
  SHA1: 'qvTGHdzF6KLavt4PO0gs2a6pQ00=',
  SHA256: 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=',
}
const MD5 = 'XUFAKrxLKna5cZ2REBfFkg=='
const SHA256_HEX = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'

/** Step 15: signed checksums, and which of them are held against the body. */
export async function probeChecksums(run: ProbeRun): Promise<Looked> {
  const verdicts = new Map<ChecksumName, Verdict>()
  for (const name of Object.keys(CHECKSUMS) as ChecksumName[]) {
    const header = `x-amz-checksum-${name.toLowerCase()}`
    verdicts.set(name, await keeps(run, header, CHECKSUMS[name]))
  }
  const all = [...verdicts]
  const checksums = all.filter(([, { value }]) => value === 'yes').map(([name]) => name)
  const unknown = all.some(([, { value }]) => value === 'unknown')
  const seen = all.map(([name, verdict]) => `${name} ${verdict.seen}`).join('; ')
  return together(
    {
      findings: [{ step: 15, name: 'checksums', value: unknown ? 'unknown' : checksums, seen }],
      ...(!unknown && { traits: { checksums } }),
    },
    capability(15, 'checksumSha256', verdicts.get('SHA256') ?? { value: 'unknown', seen }),
  )
}

/** Step 16: the older way to bind the bytes. */
export async function probeContentMd5(run: ProbeRun): Promise<Looked> {
  return capability(16, 'contentMd5', await keeps(run, 'content-md5', MD5))
}

/** Step 17: the payload's hash, which is part of the signature itself. */
export async function probePayloadHash(run: ProbeRun): Promise<Looked> {
  return capability(17, 'payloadHash', await keeps(run, 'x-amz-content-sha256', SHA256_HEX))
}

/** Right bytes as a control: a store that refuses both keeps no promise. */
async function keeps(run: ProbeRun, header: string, value: string): Promise<Verdict> {
  const headers = { [header]: value }
  try {
    const right = await run.put({ headers })
    const seen = `right bytes: ${textOfAnswer(right)}`
    if (!isTaken(right)) return { value: 'no', seen }
    const key = run.newKey()
    const wrong = await run.judgeUnwritten(key, [
      run.attack('other bytes', { key, headers, sent: OTHER_FIVE }),
    ])
    return { value: wrong.value, seen: `${seen}, ${wrong.seen}` }
  } catch (error) {
    if (!isOfStore(error)) throw error
    return { value: 'unknown', seen: textOfError(error) }
  }
}
