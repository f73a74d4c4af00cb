import { afterEach, expect, it } from 'vitest'
import { digestOfDownload, digestOfParts, sendInParallel } from '../support/parallel-parts.ts'
import { realStores } from '../support/stores/stores-under-test.ts'
import type { GatewayOnStore } from './gateway-on-store.ts'
import { createParts, gatewayForParts, PART_BYTES } from './multipart-fixture.ts'

/** Seven whole parts and a shorter one; `npm run giant` sends 1 GiB. */
const PARTS = 8
const LAST_BYTES = 1_234_567
const SIZE = (PARTS - 1) * PART_BYTES + LAST_BYTES
const CUT_OFF = 5

let gateway: GatewayOnStore
afterEach(() => gateway.close())

it.each(realStores())(
  'parts at once, one cut off in the middle and signed again, are one object on $kind',
  async (store) => {
    gateway = await gatewayForParts(store)
    const upload = await createParts(gateway, { sizeBytes: SIZE })
    const sign = async (partNumbers: readonly number[]) => {
      const answer = await gateway.call('POST', `/v1/uploads/${upload.id}/parts`, { partNumbers })
      expect(answer.status).toBe(200)
      return (await answer.json()).parts
    }
    const cut: number[] = []
    const complete = (parts?: unknown) =>
      gateway.call('POST', `/v1/uploads/${upload.id}/complete`, { parts })
    const sent = await sendInParallel({
      partCount: upload.multipart.partCount,
      signed: new Map(upload.multipart.parts.map((part) => [part.partNumber, part])),
      atOnce: PARTS,
      cutOff: CUT_OFF,
      onCutOff: (bytes) => cut.push(bytes),
      sign,
    })
    expect(cut).toEqual([PART_BYTES / 2])
    const completed = await complete(sent)
    expect(await completed.json()).toMatchObject({ status: 'completed', sizeBytes: SIZE })
    const download = { bucket: 'media', key: upload.key }
    const { request } = await (await gateway.call('POST', '/v1/downloads', download)).json()
    const sizes = [...new Array<number>(PARTS - 1).fill(PART_BYTES), LAST_BYTES]
    expect(await digestOfDownload(request.url)).toBe(digestOfParts(sizes))
    expect((await gateway.usage())['tenant-stored']).toEqual({ used: SIZE, pending: 0 })
  },
)
