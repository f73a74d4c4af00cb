import { setImmediate } from 'node:timers/promises'
import { GCProfiler, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ObjectKey } from '../../src/object-key.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { createNativePresigner } from '../../src/signing/native-presigner.ts'
import { signParts, type WantedParts } from '../../src/signing/part-grants.ts'
import { exampleStore } from '../stores/store-fixture.ts'
import { type Report, rounded } from './figure.ts'
import { STORE } from './presign-request.ts'
import { median } from './rounds.ts'

const PARTS = 10_000
const PART_BYTES = 8 * 2 ** 20
const WARM_UP_CALLS = 10
const CALLS = 25

/**
 * All parts of one large upload in one call, signed and looked at as the gateway does it: what that
 * takes of the processor (all threads, so the collector's as well), and what it leaves for the
 * collector. The grants themselves are no garbage.
 */
export async function presignPartsPart(report: Report): Promise<void> {
  const presigner = createNativePresigner(nodeHashing)
  for (let call = 0; call < WARM_UP_CALLS; call += 1) await signParts(presigner, wantedParts())
  const cpuMs: number[] = []
  for (let call = 0; call < CALLS; call += 1) {
    const wanted = wantedParts()
    const before = process.cpuUsage()
    await signParts(presigner, wanted)
    const { user, system } = process.cpuUsage(before)
    cpuMs.push((user + system) / 1000)
  }
  report({ name: 'presign.parts10000.cpuMs', value: rounded(median(cpuMs)), unit: 'ms' })
  const garbage: number[] = []
  for (let call = 0; call < CALLS; call += 1) {
    const wanted = wantedParts()
    garbage.push(await garbageOf(() => signParts(presigner, wanted)))
  }
  const value = rounded(median(garbage))
  report({ name: 'presign.parts10000.garbageBytes', value, unit: 'bytes' })
}

/** Bytes that the collector frees during `act` and right behind it, with its result still alive. */
async function garbageOf(act: () => Promise<object>): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  // The result of the call before is held by its promise for another turn.
  await setImmediate()
  collect()
  const profiler = new GCProfiler()
  profiler.start()
  const result = await act()
  collect()
  const { statistics } = profiler.stop()
  if (Object.keys(result).length !== PARTS) throw new Error('Cannot count garbage: parts are gone')
  const freed = statistics.map(
    ({ beforeGC, afterGC }) =>
      beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize,
  )
  if (freed.length === 0) throw new Error('Cannot count garbage: nothing was collected')
  return freed.reduce((sum, bytes) => sum + bytes, 0)
}

function wantedParts(): WantedParts {
  const key = 'acme/alice/2025-11-24/0193a5f2-7c1e-7b3a-9d42-000000000001-film.mov'
  const nowMs = Date.now()
  return {
    place: {
      placement: {
        store: exampleStore({ endpoint: STORE.origin, region: STORE.region }),
        bucket: STORE.bucket,
        prefix: '',
      },
      key: ObjectKey.parse(key),
    },
    // As long as those of S3, and of the same characters.
    uploadId:
      'VXBsb2FkIElEIGZvciA2aWWpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZA.R3Vlc3Npbmcu_dGhpcy1pcy1ub3QtYS10aWNrZXQtYnV0LWl0LWlzLWxvbmc-',
    parts: Array.from({ length: PARTS }, (_, index) => ({
      partNumber: index + 1,
      sizeBytes: PART_BYTES,
    })),
    nowMs,
    expiresAtMs: nowMs + 300_000,
  }
}
