import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret, SignedUrl } from '../../src/secret.ts'
import { createAws4fetchPresigner } from '../../src/signing/aws4fetch-presigner.ts'
import { createNativePresigner } from '../../src/signing/native-presigner.ts'
import type { Presigner } from '../../src/signing/presigner.ts'
import { figuresOf, type Report } from './figure.ts'
import { ensurePeers } from './peers.ts'
import { presignPartsPart } from './presign-parts.ts'
import { openPeerSigners, type Sign } from './presign-peers.ts'
import { type PutToSign, SIGNED_HEADERS, STORE } from './presign-request.ts'
import { interleave, perSecond } from './rounds.ts'

// Many short rounds: neighbours on the machine come and go in less than a second.
const ROUNDS = 25
const ROUND_MS = 100
const WARM_UP_MS = 1_000
const KEYS = 1_000

/**
 * One pre-signed PUT after another, in this process, by every driver of ours and by the libraries
 * that an application would use instead.
 */
export async function presignPart(report: Report): Promise<void> {
  await presignPartsPart(report)
  ensurePeers()
  const ours = new Map<string, Sign>([
    ['presign.native', signerOf(createNativePresigner(nodeHashing))],
    ['presign.aws4fetch', signerOf(createAws4fetchPresigner())],
  ])
  const peers = openPeerSigners()
  const contenders = [...ours, ...peers].map(([name, sign]) => {
    const next = requests()
    return { name, run: () => perSecond(() => sign(next()), ROUND_MS), sign }
  })
  for (const { name, sign } of contenders) {
    assertComparable(name, await sign(requests()()))
    await perSecond(() => sign(requests()()), WARM_UP_MS)
  }
  const measured = await interleave(contenders, ROUNDS)
  for (const name of ours.keys()) {
    const baselines = [...ours.keys(), ...peers.keys()].filter((other) => other !== name)
    for (const figure of figuresOf(measured, { name, unit: 'per second', baselines })) {
      report(figure)
    }
  }
  for (const name of peers.keys()) {
    for (const figure of figuresOf(measured, { name, unit: 'per second' })) report(figure)
  }
}

function signerOf(presigner: Presigner): Sign {
  const credential = {
    accessKeyId: STORE.accessKeyId,
    secretAccessKey: new Secret(STORE.secretAccessKey),
  }
  return ({ key, headers, expiresInSeconds }) => {
    const signed = presigner.presign({
      method: 'PUT',
      origin: STORE.origin,
      path: `/${STORE.bucket}/${key}`,
      query: new Map(),
      headers,
      credential,
      region: STORE.region,
      signedAtMs: Date.now(),
      expiresInSeconds,
    })
    return signed instanceof SignedUrl ? signed.reveal() : signed.then((url) => url.reveal())
  }
}

/** Keys differ from one request to the next, as in life; all contenders get the same ones. */
function requests(): () => PutToSign {
  let count = 0
  return () => {
    count = (count + 1) % KEYS
    return REQUESTS[count] as PutToSign
  }
}

const REQUESTS: readonly PutToSign[] = Array.from({ length: KEYS }, (_, index) => ({
  key: `acme/alice/2025-11-24/0193a5f2-7c1e-7b3a-9d42-${String(index).padStart(12, '0')}-cat.jpg`,
  headers: SIGNED_HEADERS,
  expiresInSeconds: 330,
}))

// MinIO's client has no way to sign a header besides `host`: it does less work than the others.
function assertComparable(name: string, url: string): void {
  const signed = new URL(url).searchParams.get('X-Amz-SignedHeaders')
  const all = ['host', ...SIGNED_HEADERS.keys()].sort((a, b) => (a < b ? -1 : 1))
  const wanted = name === 'presign.minio' ? 'host' : all.join(';')
  if (signed !== wanted) {
    throw new Error(`Cannot compare "${name}": it signed "${signed}" and not "${wanted}"`)
  }
}
