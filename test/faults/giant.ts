import { parseArgs } from 'node:util'
import { gatewayOnStore, storeSettings } from '../gateway/gateway-on-store.ts'
import type { CreatedParts } from '../gateway/multipart-fixture.ts'
import { digestOfDownload, digestOfParts, sendInParallel } from '../support/parallel-parts.ts'
import { openCephStore } from '../support/stores/ceph-store.ts'

const HELP = `npm run giant [-- OPTIONS]

  --mib N      size of the object in MiB (default 1,024; 4,096 at most)
  --at-once N  parts under way at the same time (default 8)

Sends one object in parts to a Ceph of its own, which keeps it in memory. One part is cut off in the
middle of its body and signed again. Prints one JSON line for each step; the exit code is 1 when the
object that comes back is another one, or the ledger does not count exactly its bytes.
`

const MIB = 2 ** 20
// The store keeps 8 GiB in memory, and a part that was cut off for a while.
const MAX_MIB = 4_096
const PART_BYTES = 8 * MIB

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      mib: { type: 'string', default: '1024' },
      'at-once': { type: 'string', default: '8' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return void process.stdout.write(HELP)
  const [mib, atOnce] = [values.mib, values['at-once']].map(Number)
  if (mib === undefined || !Number.isInteger(mib) || mib < 1 || mib > MAX_MIB) {
    throw new Error(`Cannot start: --mib must be 1 to ${MAX_MIB}`)
  }
  if (atOnce === undefined || !Number.isInteger(atOnce) || atOnce < 1) {
    throw new Error('Cannot start: --at-once must be 1 or more')
  }
  const ceph = await openCephStore()
  if (ceph.kind === 'unavailable') throw new Error(`Cannot start: ${ceph.reason}`)
  try {
    await sendGiant(ceph, { sizeBytes: mib * MIB, atOnce })
  } finally {
    await ceph.close()
  }
}

async function sendGiant(
  ceph: Parameters<typeof gatewayOnStore>[0],
  { sizeBytes, atOnce }: { readonly sizeBytes: number; readonly atOnce: number },
): Promise<void> {
  const known = storeSettings(ceph).capabilities as Record<string, unknown>
  const parts = { multipart: 'yes', writeOnceMultipart: 'no', preferredPartBytes: PART_BYTES }
  const gateway = await gatewayOnStore(ceph, { store: { capabilities: { ...known, ...parts } } })
  const mebibytesPerSecond = (seconds: number) => Math.round(sizeBytes / MIB / seconds)
  try {
    const asked = timer()
    const upload = (await gateway.create({ mode: 'multipart', sizeBytes })) as CreatedParts
    const { partCount, partSizeBytes } = upload.multipart
    print({ step: 'created', sizeBytes, partCount, partSizeBytes, seconds: asked() })
    const sending = timer()
    const path = `/v1/uploads/${upload.id}`
    const sent = await sendInParallel({
      partCount,
      signed: new Map(upload.multipart.parts.map((part) => [part.partNumber, part])),
      atOnce,
      cutOff: Math.ceil(partCount / 2),
      onCutOff: (bytes) => print({ step: 'cut off', partNumber: Math.ceil(partCount / 2), bytes }),
      async sign(partNumbers) {
        const signing = timer()
        const answer = await gateway.call('POST', `${path}/parts`, { partNumbers })
        if (answer.status !== 200) throw new Error(`Cannot sign parts: ${answer.status}`)
        print({ step: 'signed', parts: partNumbers.length, seconds: signing() })
        return (await answer.json()).parts
      },
    })
    const sentSeconds = sending()
    const speed = mebibytesPerSecond(sentSeconds)
    print({ step: 'sent', seconds: sentSeconds, mebibytesPerSecond: speed })
    const completing = timer()
    const completed = await gateway.call('POST', `${path}/complete`, { parts: sent })
    const { status, sizeBytes: actual } = await completed.json()
    print({ step: 'completed', http: completed.status, status, actual, seconds: completing() })
    const fetching = timer()
    const download = { bucket: 'media', key: upload.key }
    const { request } = await (await gateway.call('POST', '/v1/downloads', download)).json()
    const got = await digestOfDownload(request.url)
    const seconds = fetching()
    const wanted = digestOfParts(sizesOf(upload.multipart, sizeBytes))
    print({ step: 'downloaded', sha256: got, equal: got === wanted, seconds })
    const { 'tenant-stored': stored } = await gateway.usage()
    print({ step: 'counted', ...stored })
    const isExact = stored?.used === sizeBytes && stored.pending === 0
    if (got !== wanted || actual !== sizeBytes || !isExact) process.exitCode = 1
  } finally {
    await gateway.close()
  }
}

function sizesOf(
  { partCount, partSizeBytes }: CreatedParts['multipart'],
  sizeBytes: number,
): number[] {
  const last = sizeBytes - (partCount - 1) * partSizeBytes
  return [...new Array<number>(partCount - 1).fill(partSizeBytes), last]
}

/** Seconds since now, with two digits behind the point. */
function timer(): () => number {
  const startMs = performance.now()
  return () => Math.round((performance.now() - startMs) / 10) / 100
}

function print(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

await main()
